/** Comet4J 1.2: the old names, with their meaning and defaults. */
import { assertEquals, assertThrows } from "@std/assert";
import { comet4j, type Comet4jOptions } from "../../../src/protocol/comet4j.ts";
import { comet4jSettings } from "../../../src/protocol/comet4j/options.ts";
import { test } from "../../harness.ts";

test("comet4j() has the defaults that web.xml had", () => {
  assertEquals(comet4jSettings({}), {
    channels: ["hello"],
    workStyle: "auto",
    timeout: 60_000,
    hold: 57_000,
    linger: 10_000,
    cacheExpires: 60_000,
    cookie: true,
  });
});

test("comet4j() ends a silent request before a client or a proxy does", () => {
  const holds = [1_000, 5_000, 60_000, 300_000].map((timeout) =>
    comet4jSettings({ timeout }).hold
  );
  assertEquals(holds, [950, 4_750, 57_000, 297_000]);
});

test("comet4j() names a wrong option, its value and its bounds", () => {
  const wrong: [options: unknown, text: string][] = [
    [{ timeout: 999 }, "timeout is 999; it must be from 1000 to 1000000000 ms"],
    // Twice as much is what 0.0.2 waits for.
    [{ timeout: 2 ** 31 }, "timeout is 2147483648"],
    [{ timeout: NaN }, "timeout is NaN"],
    [{ connExpires: -1 }, "connExpires is -1"],
    [{ connFrequency: -1 }, "connFrequency is -1"],
    [{ cacheExpires: -1 }, "cacheExpires is -1"],
    [{ workStyle: "lpoll" }, "workStyle is lpoll; it must be auto, stream"],
    [{ channels: ["a", ""] }, "channels: : it is empty"],
    [{ channels: ["a/*"] }, "channels: a/*: a pattern is for subscribing"],
  ];
  for (const [options, text] of wrong) {
    assertThrows(() => comet4j(options as Comet4jOptions), RangeError, text);
  }
});

test("comet4j() refuses channels that clients have events for themselves", () => {
  for (const name of ["c4j", "start", "STOP"]) {
    const text = `channels: ${name}: clients have an event of that name`;
    assertThrows(() => comet4j({ channels: [name] }), RangeError, text);
  }
});
