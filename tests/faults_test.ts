/** The faults that `deno task faults` puts into the code. */
import { assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { faults } from "./fault_list.ts";
import { test } from "./harness.ts";

test("every fault has exactly one place in the code", () => {
  const places = faults.flatMap((fault) => [fault, ...fault.with ?? []])
    .map(({ file, from }) => {
      const path = new URL(`../src/${file}`, import.meta.url);
      return [from, readFileSync(path, "utf8").split(from).length - 1];
    });
  assertEquals(places, places.map(([from]) => [from, 1]));
});
