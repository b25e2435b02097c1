/** The oldest entry of a map, again and again. */
import { assertEquals } from "@std/assert";
import { Round } from "../src/round.ts";
import { test } from "./harness.ts";

test("next() gives each entry in its turn, and then begins anew", () => {
  const round = new Round(new Set([1, 2]));
  const seen = Array.from({ length: 6 }, () => round.next());
  assertEquals(seen, [1, 2, undefined, 1, 2, undefined]);
});

test("oldest() gives the oldest of a queue that is served from its head", () => {
  const queue = new Set<number>();
  const round = new Round(queue);
  assertEquals(round.oldest(), undefined);
  let next = 0;
  for (let served = 0; served < 10_000; served++) {
    while (queue.size < 100 && next < 10_000) queue.add(next++);
    const oldest = round.oldest();
    assertEquals(oldest, served);
    queue.delete(oldest!);
  }
  assertEquals(round.oldest(), undefined);
});

test("what is deleted and added again has its turn at the end", () => {
  const queue = new Set(["a", "b", "c"]);
  const round = new Round(queue);
  assertEquals(round.next(), "a");
  queue.delete("b");
  queue.add("b");
  assertEquals([round.next(), round.next(), round.next()], [
    "c",
    "b",
    undefined,
  ]);
});

test("what was passed over has its turn in the next round", () => {
  const queue = new Set(["a", "b"]);
  const round = new Round(queue);
  assertEquals([round.next(), round.next()], ["a", "b"]);
  queue.delete("b");
  queue.add("c");
  assertEquals([round.oldest(), round.oldest()], ["c", "a"]);
});

test("a map that was emptied goes on with what comes then", () => {
  const map = new Map([["a", 1], ["b", 2]]);
  const round = new Round(map);
  round.next();
  map.clear();
  map.set("c", 3);
  assertEquals(round.oldest(), ["c", 3]);
});

test("restart() begins anew with the oldest", () => {
  const round = new Round(new Set([1, 2, 3]));
  assertEquals([round.next(), round.next()], [1, 2]);
  round.restart();
  assertEquals([round.next(), round.next()], [1, 2]);
});
