/** What changed between two runs, and whether it is more than noise. */
import { assertEquals, assertMatch } from "@std/assert";
import { compare, judge } from "../../bench/compare.ts";
import { markdown } from "../../bench/report/text.ts";
import { FORM, type Result } from "../../bench/result.ts";
import { scenarios } from "../../bench/scenarios.ts";
import { test } from "../harness.ts";

function resultOf(costs: number[], cores = 2): Result {
  const { plan } = scenarios.find(({ name }) => name === "burst")!;
  const machine = { cpu: "x", memory: 1, kernel: "6", descriptors: 20_000 };
  return {
    form: FORM,
    when: "2026-01-01T00:00:00.000Z",
    machine: { ...machine, cores },
    versions: { bun: "1.4.4" },
    load: "bun",
    command: "bench",
    cells: [{
      scenario: "burst",
      transport: "sse",
      runtime: "bun",
      subject: "halley",
      title: "Halley",
      plan,
      rounds: costs.map((cpuPerDelivery) => ({
        metrics: { cpuPerDelivery },
        warnings: [],
      })),
    }],
  };
}

test("a change is more than noise if the rounds lie further apart than they vary", () => {
  const before = [1, 1.1, 1.2];
  const name = "cpuPerDelivery";
  assertEquals(judge(name, before, [0.5, 0.6, 0.7]).verdict, "better");
  assertEquals(judge(name, before, [1.5, 1.6, 1.7]).verdict, "worse");
  assertEquals(judge(name, before, [1.15, 1.4, 1.5]).verdict, "noise");
  // Apart, as one in ten is by chance.
  assertEquals(judge(name, before, [1.3, 1.4, 1.5]).verdict, "noise");
  assertEquals(
    judge("deliveriesPerSecond", before, [2, 3, 4]).verdict,
    "noise",
  );
  assertEquals(
    judge("deliveriesPerSecond", before, [3, 3.2, 4]).verdict,
    "better",
  );
});

test("a change too small to matter is noise, and two rounds prove nothing", () => {
  const name = "cpuPerDelivery";
  const [old, now] = [[100, 100, 100], [101, 101, 101]];
  assertEquals(judge(name, old, now).verdict, "noise");
  assertEquals(judge(name, [1, 1], [9, 9]).verdict, "unknown");
});

test("more memory is worse though there was less than none before", () => {
  const old = [-100, -110, -120];
  const { change, verdict } = judge("memoryLeft", old, [500, 520, 540]);
  assertEquals([change, verdict], [NaN, "worse"]);
  assertEquals(judge("memoryLeft", old, [-900, -910, -920]).verdict, "better");
});

test("compare() names each number, its change, and other machines", () => {
  const text = compare(resultOf([2, 2.1, 2.2]), resultOf([1, 1.1, 1.2], 4));
  assertMatch(text, /another machine: cores 2 → 4/);
  assertMatch(
    text,
    /burst sse, Halley on bun +CPU\/delivery, µs +2\.10 +1\.10 +−47\.6 % +better/,
  );
});

test("compare() says what is in one of the runs only, or was measured otherwise", () => {
  const [before, after] = [resultOf([1, 1]), resultOf([1, 1])];
  const cell = { ...after.cells[0]!, scenario: "rooms" };
  const more = { ...after, cells: [...after.cells, cell] };
  assertMatch(compare(before, more), /only in the second: rooms sse/);
  const plan = { ...cell.plan, connections: 7 };
  const other = { ...after, cells: [{ ...after.cells[0]!, plan }] };
  assertMatch(compare(before, other), /was measured in another way/);
});

test("markdown() makes a table of medians, a row for each program", () => {
  assertEquals(
    markdown(resultOf([1, 2, 3])),
    "|  | bursts, CPU µs |\n| - | -: |\n| Halley, Bun | 2.00 |\n\n" +
      "x, 2 cores, 0 GiB, Linux 6; bun 1.4.4; load on bun.",
  );
});
