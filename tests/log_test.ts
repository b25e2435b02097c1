/** The bounded log: decision 2 and rule O4. */
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertStrictEquals,
} from "@std/assert";
import { type Bounds, CHUNK_BYTES, Log, mergeLogs } from "../src/log.ts";
import { test } from "./harness.ts";
import { frameOf, seqs } from "./recorder.ts";

const follower = { flush() {} };

/** A log with the frames `from` to `to`. */
function logOf(
  from: number,
  to: number,
  bounds: Partial<Bounds> = {},
  name = "a",
): Log {
  const all = { frames: 1_024, bytes: 1_048_576, age: 300_000, ...bounds };
  const log = new Log(name, all, from - 1);
  for (let seq = from; seq <= to; seq++) log.append(frameOf(seq));
  return log;
}

/** Frames whose size in a log is exactly `size`. */
function sized(seq: number, size: number) {
  return frameOf(seq, { data: `"${"x".repeat(size - 67)}"` });
}

test("a log gives its frames above a seq, oldest first", () => {
  const log = logOf(1, 3);
  log.append(frameOf(7));
  assertEquals(seqs(log.after(0)), [1, 2, 3, 7]);
  assertEquals(seqs(log.after(2)), [3, 7]);
  assertEquals(seqs(log.after(5)), [7]);
  assertEquals(seqs(log.after(7)), []);
  assertEquals([log.length, log.top, log.floor], [4, 7, 0]);
});

test("a log is as large as the text of its messages and 64 bytes each", () => {
  const log = logOf(1, 0);
  log.append(frameOf(1, { log: "abc", data: '"ü"' }));
  assertEquals(log.bytes, 4 + 3 + 64);
});

test("trim() drops the oldest frames beyond the count", () => {
  const log = logOf(1, 5, { frames: 3 });
  assert(log.overflows);
  log.trim(5);
  assertEquals(seqs(log.after(0)), [3, 4, 5]);
  assert(!log.overflows);
});

test("trim() drops the oldest frames beyond the bytes", () => {
  const log = logOf(1, 5, { bytes: 2 * 66 });
  assert(log.overflows);
  log.trim(5);
  assertEquals(seqs(log.after(0)), [4, 5]);
  assertEquals(log.bytes, 2 * 66);
});

test("trim() drops what is older than its age, and nothing else", () => {
  const log = logOf(1, 5, { age: 100 });
  log.trim(103);
  assertEquals(seqs(log.after(0)), [3, 4, 5]);
  log.trim(1_000);
  assertEquals([log.length, log.bytes, log.floor], [0, 0, 5]);
});

test("a log of no frames at all keeps its floor and its top (O4)", () => {
  const log = logOf(1, 2, { frames: 0 });
  log.trim(2);
  assertEquals([log.length, log.floor, log.top], [0, 2, 2]);
});

test("a floor is the newest frame dropped; holes in seq raise none (O4)", () => {
  const log = logOf(1, 1, { frames: 2 });
  log.append(frameOf(40));
  log.append(frameOf(90));
  assertEquals(log.floor, 0);
  log.trim(90);
  assertEquals(log.floor, 1);
  log.append(frameOf(91));
  log.trim(91);
  assertEquals(log.floor, 40);
});

test("trim() drops nothing above the last complete pass of a followed log", () => {
  const log = logOf(1, 5, { frames: 1, age: 1 });
  log.followers.add(follower);
  log.trim(1_000);
  assertEquals(seqs(log.after(0)), [1, 2, 3, 4, 5]);
  log.passed = 3;
  log.trim(1_000);
  assertEquals(seqs(log.after(0)), [4, 5]);
  log.followers.delete(follower);
  log.trim(1_000);
  assertEquals(seqs(log.after(0)), []);
});

test("trim() drops nothing while older frames are being read", () => {
  const log = logOf(1, 5, { frames: 1 });
  log.pins = 1;
  log.trim(5);
  assertEquals(log.length, 5);
  log.pins = 0;
  log.trim(5);
  assertEquals(log.length, 1);
});

test("a log that has dropped many frames still finds every one it holds", () => {
  const log = logOf(1, 0, { frames: 10 });
  for (let seq = 1; seq <= 1_000; seq++) {
    log.append(frameOf(seq));
    log.trim(seq);
    assertEquals(log.length, Math.min(seq, 10));
  }
  assertEquals(log.floor, 990);
  assertEquals(seqs(log.after(0)), [...Array(10)].map((_, i) => 991 + i));
  assertEquals(seqs(log.after(995)), [996, 997, 998, 999, 1_000]);
  assertEquals(log.bytes, 9 * 68 + 69);
});

test("chunk() is the same object for all who need the same", () => {
  const log = logOf(1, 4);
  const all = log.chunk(0);
  assertEquals(seqs(all.frames), [1, 2, 3, 4]);
  assertStrictEquals(log.chunk(0), all);
  const late = log.chunk(2);
  assertEquals(seqs(late.frames), [3, 4]);
  assertStrictEquals(log.chunk(2), late);
  assertStrictEquals(log.chunk(0), all, "both are kept");
});

test("chunk() is the same for cursors with nothing of the log between", () => {
  const log = logOf(1, 1);
  log.append(frameOf(50));
  assertStrictEquals(log.chunk(1), log.chunk(49));
});

test("chunk() has the new frame after an append", () => {
  const log = logOf(1, 2);
  const before = log.chunk(0);
  log.append(frameOf(3));
  assertEquals(seqs(log.chunk(0).frames), [1, 2, 3]);
  assertEquals(seqs(before.frames), [1, 2], "what was written stays");
});

test("chunk() has only what is left after a drop", () => {
  const log = logOf(1, 3, { frames: 2 });
  log.chunk(0);
  log.trim(3);
  assertEquals(seqs(log.chunk(1).frames), [2, 3]);
});

test("chunk() ends at 64 KiB, and the next begins where it ended", () => {
  const log = logOf(1, 0);
  const size = CHUNK_BYTES / 4;
  for (let seq = 1; seq <= 6; seq++) log.append(sized(seq, size));
  const first = log.chunk(0);
  assertEquals(seqs(first.frames), [1, 2, 3, 4]);
  assertEquals(seqs(log.chunk(first.last).frames), [5, 6]);
  log.append(sized(7, 100));
  log.append(sized(8, CHUNK_BYTES - 2 * size - 99));
  assertEquals(seqs(log.chunk(4).frames), [5, 6, 7], "one byte too many");
});

test("chunk() takes a message above 64 KiB whole, and alone", () => {
  const log = logOf(1, 0);
  log.append(sized(1, CHUNK_BYTES * 2));
  log.append(sized(2, 100));
  assertEquals(seqs(log.chunk(0).frames), [1]);
  assertEquals(seqs(log.chunk(1).frames), [2]);
});

test("prepend() puts older frames before the newer, and lowers the floor (O5)", () => {
  const log = logOf(10, 11);
  const held = log.chunk(9);
  log.prepend([frameOf(4), frameOf(7)], 3);
  assertEquals(seqs(log.after(0)), [4, 7, 10, 11]);
  assertEquals([log.floor, log.top, log.length], [3, 11, 4]);
  assertEquals(log.bytes, 66 * 2 + 67 * 2);
  assertNotEquals(log.chunk(3), held);
  assertEquals(seqs(log.chunk(3).frames), [4, 7, 10, 11]);
});

test("prepend() to a log that has dropped frames keeps those it holds", () => {
  const log = logOf(1, 5, { frames: 2 });
  log.trim(5);
  log.prepend([frameOf(2), frameOf(3)], 1);
  assertEquals(seqs(log.after(0)), [2, 3, 4, 5]);
  log.bounds = { ...log.bounds, frames: 3 };
  log.trim(5);
  assertEquals([log.floor, log.length], [2, 3]);
});

test("prepend() leaves no top above the newest frame: nothing lies there", () => {
  // A node that begins at 100 reads what lies above 50: one message, 60.
  const log = logOf(101, 100);
  log.prepend([frameOf(60)], 50);
  assertEquals(log.top, 60);
  const none = logOf(101, 100);
  none.prepend([], 50);
  assertEquals(none.top, 50);
});

test("clear() forgets everything and begins at the floor of another order (O6)", () => {
  const log = logOf(1, 5);
  log.lost = 4;
  log.chunk(0);
  log.clear(2);
  assertEquals([log.length, log.bytes, log.lost], [0, 0, 0]);
  assertEquals([log.floor, log.top, log.passed], [2, 2, 2]);
  log.append(frameOf(3));
  assertEquals(seqs(log.chunk(2).frames), [3]);
});

/** A log of exactly these frames. */
function holding(name: string, ...held: number[]): Log {
  const log = logOf(1, 0, {}, name);
  for (const seq of held) log.append(frameOf(seq));
  return log;
}

test("mergeLogs() puts several logs into the one order", () => {
  const a = holding("a", 1, 4, 6);
  const b = holding("b", 2, 3, 7);
  const chunk = mergeLogs([{ log: a, after: 0 }, { log: b, after: 0 }]);
  assertEquals(seqs(chunk.frames), [1, 2, 3, 4, 6, 7]);
  assertEquals(chunk.last, 7);
});

test("mergeLogs() begins each log where its reader stands", () => {
  const a = holding("a", 1, 4, 6);
  const b = holding("b", 2, 3, 7);
  const chunk = mergeLogs([{ log: a, after: 4 }, { log: b, after: 2 }]);
  assertEquals(seqs(chunk.frames), [3, 6, 7]);
});

test("mergeLogs() gives a frame of a channel and its patterns once", () => {
  const logs = ["a", "*", "**"].map((name) => holding(name));
  for (let seq = 1; seq <= 3; seq++) {
    const frame = frameOf(seq);
    for (const log of logs) log.append(frame);
  }
  const chunk = mergeLogs(logs.map((log) => ({ log, after: 1 })));
  assertEquals(seqs(chunk.frames), [2, 3]);
});

test("mergeLogs() ends at 64 KiB, but takes a larger message alone", () => {
  const a = holding("a");
  const b = holding("b");
  a.append(sized(1, CHUNK_BYTES * 2));
  b.append(sized(2, CHUNK_BYTES / 2));
  a.append(sized(3, CHUNK_BYTES / 2));
  b.append(sized(4, 100));
  const merged = (after: number) =>
    seqs(mergeLogs([{ log: a, after }, { log: b, after }]).frames);
  assertEquals(merged(0), [1]);
  assertEquals(merged(1), [2, 3]);
  assertEquals(merged(3), [4]);
});
