/** How a node goes away: waves, and when its clients come back. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { type CloseOptions, Drain } from "../src/drain.ts";
import { manualClock, test, turn } from "./harness.ts";

/** Connections that are ended, and when their clients come back, in ms. */
function setup(number: number, reconnectRate: number, options: CloseOptions) {
  const clock = manualClock();
  const began = clock.now();
  const connections = new Map<string, { sink: unknown }>();
  for (let i = 0; i < number; i++) connections.set(`${i}`, { sink: {} });
  const ended: number[] = [];
  const back: number[] = [];
  const delays = new Set<number>();
  const drop = (id: string, _: string, after?: number) => {
    connections.delete(id);
    ended.push(clock.now() - began);
    if (after === undefined) return;
    delays.add(after);
    back.push(clock.now() - began + after);
  };
  const settings = { clock, reconnectRate };
  const drain = new Drain({ connections, drop }, settings, options);
  return { clock, connections, drain, ended, back, delays };
}

/** How many of `times` lie within the worst second. */
function peak(times: number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  let most = 0;
  for (let i = 0, j = 0; j < sorted.length; j++) {
    while (sorted[j]! - sorted[i]! >= 1_000) i++;
    most = Math.max(most, j - i + 1);
  }
  return most;
}

/** Whether `done` has resolved. */
async function isDone(drain: Drain): Promise<boolean> {
  let done = false;
  drain.done.then(() => done = true);
  await turn();
  return done;
}

test("a drain at once ends all, and no second brings back more than the rate", async () => {
  for (const number of [1, 9, 500, 10_000]) {
    const { connections, drain, ended, back } = setup(number, 1_000, {});
    drain.wave();
    assertEquals([connections.size, await isDone(drain)], [0, true]);
    assertEquals(new Set(ended), new Set([0]));
    assert(peak(back) <= 1_000, `${peak(back)} of ${number}`);
    // Not slower than need be: at four fifths of the rate, or within four seconds.
    const last = Math.max(...back);
    assert(last <= 500 + Math.max(4_000, number / 0.8), `${last} ms`);
    assert(Math.min(...back) >= 500);
  }
});

test("a drain that takes time ends connections in even waves, and in time", async () => {
  const over = 10_000;
  const { clock, drain, ended, back } = setup(4_000, 1_000, { over });
  drain.wave();
  clock.advance(over - 1);
  assert(await isDone(drain));
  assertEquals(ended.length, 4_000);
  assertEquals(peak(ended), 400);
  assertEquals(peak(back), 400);
  // Others take over: nobody is away for longer than a wave or two.
  const waits = back.map((time, i) => time - ended[i]!);
  assert(Math.max(...waits) <= 1_000, `${Math.max(...waits)}`);
});

test("a drain that is shorter than the rate allows spreads the return, not the end", () => {
  const { clock, drain, ended, back } = setup(10_000, 1_000, { over: 2_000 });
  drain.wave();
  clock.advance(2_000);
  assertEquals(ended.length, 10_000);
  assert(peak(back) <= 1_000, `${peak(back)}`);
});

test("where the only server is restarted nobody is asked back before it is there", () => {
  const options = { over: 3_000, downtime: 2_000 };
  const { clock, drain, back } = setup(5_000, 1_000, options);
  drain.wave();
  clock.advance(3_000);
  assert(Math.min(...back) >= 5_500, `${Math.min(...back)}`);
  assert(Math.max(...back) <= 5_500 + 6_250, `${Math.max(...back)}`);
  assert(peak(back) <= 1_000, `${peak(back)}`);
});

test("a long downtime moves the return of all, of those who ask again and again too", () => {
  const options = { downtime: 600_000 };
  const { clock, drain, back } = setup(100, 1_000, options);
  drain.wave();
  assert(Math.min(...back) >= 600_500, `${Math.min(...back)}`);
  clock.advance(100_000);
  for (let i = 0; i < 20_000; i++) {
    const after = drain.back();
    assert(after >= 500_500 && after <= 508_500, `${after}`);
  }
});

test("delays come in few steps, so that frames can be shared", () => {
  const { clock, drain, delays } = setup(10_000, 1_000, { over: 2_000 });
  drain.wave();
  clock.advance(2_000);
  assert([...delays].every((delay) => delay % 250 === 0));
  assert(delays.size <= 60, `${delays.size}`);
});

test("who is away is ended without a time, and gets one when it asks", () => {
  const { connections, drain, back } = setup(100, 10, {});
  for (const connection of connections.values()) connection.sink = undefined;
  drain.wave();
  assertEquals([connections.size, back], [0, []]);
  const asked = Array.from({ length: 100 }, () => drain.back());
  assert(peak(asked) <= 10, `${peak(asked)}`);
});

test("who asks again and again does not send the others far away", () => {
  const { drain } = setup(0, 1_000, {});
  let most = 0;
  for (let i = 0; i < 100_000; i++) most = Math.max(most, drain.back());
  assert(most <= 8_500 && most >= 8_000, `${most}`);
});

test("hurry() makes a drain end within a shorter time, and never a longer one", async () => {
  const { clock, drain, connections } = setup(100, 1_000, { over: 60_000 });
  drain.wave();
  drain.hurry(90_000);
  clock.advance(10_000);
  assert(connections.size > 50);
  drain.hurry(1_000);
  clock.advance(1_000);
  assertEquals([connections.size, await isDone(drain)], [0, true]);
});

test("a drain ends in time though a connection does not", async () => {
  const { clock, connections, drain } = setup(10, 1_000, { over: 1_000 });
  const get = connections.delete.bind(connections);
  connections.delete = (id) => id !== "3" && get(id);
  drain.wave();
  clock.advance(1_000);
  assert(await isDone(drain));
  assertEquals([...connections.keys()], ["3"]);
});

test("a drain of nobody is done at once, however long it may take", async () => {
  const { drain } = setup(0, 1_000, { over: 60_000 });
  drain.wave();
  assert(await isDone(drain));
});

test("a wrong time is a RangeError that names it", () => {
  const message = "over is NaN; it must be at least 0";
  assertThrows(() => setup(1, 1, { over: NaN }), RangeError, message);
  const away = "downtime is -1; it must be at least 0";
  assertThrows(() => setup(1, 1, { downtime: -1 }), RangeError, away);
});
