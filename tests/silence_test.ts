/** How long an answer is waited for. */
import { assertEquals, assertRejects } from "@std/assert";
import { onSilence, within } from "../src/silence.ts";
import { manualClock, test } from "./harness.ts";

const never = () => new Error("never");

test("within() gives what comes in time, as it is", async () => {
  assertEquals(await within(10_000, Promise.resolve(7), never), 7);
  const failed = Promise.reject(new Error("by itself"));
  await assertRejects(() => within(10_000, failed, never), Error, "by itself");
});

test("within() says why it has waited long enough, as of then", async () => {
  let why = "too early";
  const late = within(1, new Promise(() => {}), () => new Error(why));
  why = "nobody is there";
  await assertRejects(() => late, Error, "nobody is there");
});

test("silence lasts as long as it is told to", () => {
  for (const ms of [1, 20, 25, 120, 1_000]) {
    const clock = manualClock();
    let late = false;
    onSilence(ms, () => late = true, clock);
    clock.advance(ms - 1);
    assertEquals(late, false, `${ms} ms are not over`);
    clock.advance(1);
    assertEquals(late, true, `${ms} ms are over`);
  }
});

test("silence that is broken is never told", () => {
  const clock = manualClock();
  let late = false;
  const stop = onSilence(1_000, () => late = true, clock);
  clock.advance(999);
  stop();
  clock.advance(10_000);
  assertEquals(late, false);
});

test("a process that was busy takes what came meanwhile before it calls it late", async () => {
  // As after a long turn: what is due is called, and only then anything is read.
  const due = new Set<() => void>();
  const timer = {
    schedule(callback: () => void) {
      due.add(callback);
      return () => due.delete(callback);
    },
  };
  const { promise, resolve } = Promise.withResolvers<string>();
  const answer = within(300, promise, never, timer);
  for (const callback of [...due]) {
    due.delete(callback);
    callback();
  }
  resolve("in time");
  assertEquals(await answer, "in time");
  assertEquals(due.size, 0);
});
