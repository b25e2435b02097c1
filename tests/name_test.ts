/** PROTOCOL N2: channel names and patterns. */
import { assertEquals } from "@std/assert";
import { matches, patternsOf, subscriptionFault } from "../src/name.ts";
import { test } from "./harness.ts";

test("patternsOf() names exactly the patterns that match (N2)", () => {
  for (const name of ["a", "a/b", "a/b/c", "news/x y/z"]) {
    for (const pattern of patternsOf(name)) {
      assertEquals(subscriptionFault(pattern), undefined);
      assertEquals(matches(pattern, name), true, `${pattern} covers ${name}`);
    }
  }
});
