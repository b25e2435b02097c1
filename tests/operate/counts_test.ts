/** Numbers that say what has happened. */
import { assertEquals } from "@std/assert";
import { Counts, Histogram, Tally } from "../../src/operate/counts.ts";
import { test } from "../harness.ts";

test("a tally counts each name for itself", () => {
  const tally = new Tally<string>();
  for (const name of ["a", "b", "a"]) tally.add(name);
  assertEquals([...tally], [["a", 2], ["b", 1]]);
});

test("a histogram counts a value in the first range whose bound it does not exceed", () => {
  const histogram = new Histogram([0, 1, 10]);
  for (const value of [0, 0.5, 1, 10, 10.5, 1_000]) histogram.observe(value);
  assertEquals(histogram.counts, [1, 2, 1, 2]);
  assertEquals(histogram.sum, 1_022);
});

test("whoever listens to a histogram gets every value", () => {
  const { latency } = new Counts();
  const heard: number[] = [];
  latency.listeners.add((value) => heard.push(value));
  latency.observe(0.25);
  assertEquals(heard, [0.25]);
});
