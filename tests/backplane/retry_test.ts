/** Waiting for a server that may come back. */
import { assertEquals, assertRejects } from "@std/assert";
import { Arrival, pause } from "../../src/backplane/retry.ts";
import { test, turn } from "../harness.ts";

test("an arrival is there for who waited, and then for who comes in a later turn", async () => {
  const arrival = new Arrival<string>();
  const heard: string[] = [];
  const wait = async (name: string) =>
    void heard.push(name + await arrival.wait(10_000, () => "late"));
  const waiting = [wait("a"), wait("b")];
  assertEquals(arrival.value, undefined);
  arrival.come("1");
  await turn();
  waiting.push(wait("c"));
  await Promise.all(waiting);
  assertEquals([heard, arrival.value], [["a1", "b1", "c1"], "1"]);
});

test("an arrival that has gone is waited for again", async () => {
  const arrival = new Arrival<string>();
  arrival.come("1");
  arrival.go();
  const next = arrival.wait(10_000, () => "late");
  arrival.come("2");
  assertEquals(await next, "2");
});

test("an arrival that will not come is refused, to who waits and to others", async () => {
  const arrival = new Arrival<string>();
  const wait = async () => await arrival.wait(10_000, () => "late");
  const before = wait();
  arrival.fail(new Error("closed"));
  for (const waiting of [before, wait()]) {
    await assertRejects(() => waiting, Error, "closed");
  }
});

test("a pause ends at once when nobody needs it any more", async () => {
  const closing = new AbortController();
  const pausing = pause(1_000, closing.signal);
  await turn();
  closing.abort();
  await pausing;
  await pause(1_000, closing.signal);
});
