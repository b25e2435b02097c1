/** What one node tells the others: small enough for any backplane. */
import { assert, assertEquals } from "@std/assert";
import { Report } from "../../src/cluster/report.ts";
import { test } from "../harness.ts";

test("a report says only what there is to say", () => {
  const report = new Report("one", 7, 1_000);
  assert(report.empty);
  report.flag("beat");
  report.add("left", "x");
  assert(!report.empty && !report.full);
  assertEquals(report.said, {
    node: "one",
    number: 7,
    time: 1_000,
    beat: true,
    left: ["x"],
  });
});

test("a report names a list once for all who follow it, and since when", () => {
  const report = new Report("one", 1, 1_000);
  report.join("x", ["a", "b"], "stream", 400, "ann");
  report.join("y", ["a", "b"], 0, 1_001, undefined);
  report.join("z", ["c"], "poll", 999.4, undefined);
  assertEquals(report.said.lists, [["a", "b"], ["c"]]);
  assertEquals(report.said.joined, [
    ["x", 0, "stream", 600, "ann"],
    ["y", 0, 0, 0],
    ["z", 1, "poll", 1],
  ]);
});

test("a report is full before it has 64 KiB, counted in bytes", () => {
  const report = new Report("one", 1, 0);
  for (let i = 0; !report.full; i++) {
    report.join(`${i}`, [`${"ü".repeat(127)}${i}`], "poll", 0, undefined);
  }
  const { byteLength } = new TextEncoder().encode(JSON.stringify(report.said));
  assert(byteLength > 50_000 && byteLength < 65_536, `${byteLength}`);
});
