/** PROTOCOL N2: channel names and patterns. */
import { assertEquals } from "@std/assert";
import {
  channelFault,
  covers,
  isPattern,
  matches,
  patternsOf,
  privateLog,
  subscriptionFault,
} from "../src/name.ts";
import { test } from "./harness.ts";

const names = ["a", "a/b", "a/b/c", "news/x y/z", "ü/✓", "a.b", "...", "a$"];
const patterns = ["*", "**", "a/*", "a/**", "a/b/*", "ü/**"];

test("channelFault() finds nothing wrong with a name of whole segments (N2)", () => {
  for (const name of names) assertEquals(channelFault(name), undefined, name);
});

test("channelFault() says what is wrong with a name (N2)", () => {
  const wrong = {
    "it is empty": [""],
    "it is longer than 255 bytes": ["x".repeat(256), "ü".repeat(128)],
    "it is not well-formed Unicode": ["a\ud800", "\udc00/b"],
    "it has a control character": ["a\n", "a\0b", "\u007f", "a/\u0085"],
    "names that begin with $ are reserved": ["$all", "$", "$x/y"],
    "it has an empty segment": ["/", "/a", "a/", "a//b"],
    "it has a dot segment": [".", "..", "a/..", "./a", "a/./b"],
    "* may only be the whole last segment": ["a*", "a*/b", "*/a", "a/**/b"],
    "a pattern is for subscribing only": patterns,
  };
  for (const [fault, examples] of Object.entries(wrong)) {
    for (const name of examples) {
      assertEquals(channelFault(name), fault, JSON.stringify(name));
    }
  }
});

test("channelFault() takes 255 bytes, however many characters they are (N2)", () => {
  assertEquals(channelFault("x".repeat(255)), undefined);
  assertEquals(channelFault("ü".repeat(127)), undefined);
});

test("subscriptionFault() takes names and patterns (N2)", () => {
  for (const name of [...names, ...patterns]) {
    assertEquals(subscriptionFault(name), undefined, name);
  }
});

test("subscriptionFault() says what is wrong with a pattern (N2)", () => {
  const wrong = {
    "it is empty": ["/*", "/**", ""],
    "it is longer than 255 bytes": [`${"x".repeat(254)}/*`],
    "names that begin with $ are reserved": ["$/*", "$all/**"],
    "it has an empty segment": ["a//*", "/a/**"],
    "it has a dot segment": ["../*", "a/./**"],
    "* may only be the whole last segment": ["a*", "*/*", "***", "a/***"],
  };
  for (const [fault, examples] of Object.entries(wrong)) {
    for (const name of examples) {
      assertEquals(subscriptionFault(name), fault, JSON.stringify(name));
    }
  }
});

test("isPattern() is true of a last segment * or ** alone (N2)", () => {
  for (const name of patterns) assertEquals(isPattern(name), true, name);
  for (const name of [...names, "a*", "a/b*", "***"]) {
    assertEquals(isPattern(name), false, name);
  }
});

test("matches() takes * as one segment, ** as one or more (N2)", () => {
  const covered: Record<string, string[]> = {
    "*": ["a", "b"],
    "**": ["a", "b", "a/b", "a/b/c", "ab/c"],
    "a/*": ["a/b"],
    "a/**": ["a/b", "a/b/c"],
    "a/b/*": ["a/b/c"],
    "x/*": [],
  };
  for (const [pattern, expected] of Object.entries(covered)) {
    const found = ["a", "b", "a/b", "a/b/c", "ab/c"]
      .filter((name) => matches(pattern, name));
    assertEquals(found, expected, pattern);
  }
});

test("matches() covers no name of the engine's own (N2)", () => {
  for (const pattern of ["*", "**", "$/*", "$x/**"]) {
    assertEquals(matches(pattern, "$all"), false);
    assertEquals(matches(pattern, "$x/y"), false);
  }
});

test("matches() takes a name without stars for no pattern", () => {
  assertEquals(matches("a", "a"), false);
  assertEquals(matches("a/b", "a/b"), false);
});

test("patternsOf() names exactly the patterns that match (N2)", () => {
  for (const name of names) {
    const found = patternsOf(name);
    assertEquals(found.length, name.split("/").length + 1);
    assertEquals(new Set(found).size, found.length);
    for (const pattern of found) {
      assertEquals(subscriptionFault(pattern), undefined);
      assertEquals(matches(pattern, name), true, `${pattern} covers ${name}`);
    }
    for (const pattern of patterns) {
      const expected = matches(pattern, name);
      assertEquals(found.includes(pattern), expected, `${pattern} ${name}`);
    }
  }
});

test("patternsOf() is nothing for a name of the engine's own (N2)", () => {
  assertEquals(patternsOf("$all"), []);
  assertEquals(patternsOf(privateLog("id")), []);
});

test("covers() grants a pattern only where every name it matches is granted", () => {
  const grants = ["a", "a/b", "*", "**", "a/*", "a/**", "a/b/*", "b/**"];
  const asked = [...grants, "a/b/**", "a/b/c", "ab", "a/b/c/d"];
  const samples = ["a", "b", "ab", "a/x", "a/b", "a/b/c", "a/b/c/d", "b/x/y"];
  const names = (each: string) =>
    samples.filter((name) => name === each || matches(each, name));
  for (const grant of grants) {
    for (const name of asked) {
      const granted = names(grant);
      const expected = names(name).every((one) => granted.includes(one));
      assertEquals(covers(grant, name), expected, `${grant} ${name}`);
    }
  }
  for (const grant of grants) assertEquals(covers(grant, "$all"), false);
});
