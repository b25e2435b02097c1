/** The books of the load: every delivery is looked at once. */
import { assertEquals } from "@std/assert";
import { Ledger } from "../../bench/load/ledger.ts";
import { type Plan, textOf } from "../../bench/plan.ts";
import { test } from "../harness.ts";

const plan: Plan = {
  connections: 2,
  channels: 1,
  perConnection: 1,
  rate: 10,
  burst: 1,
  seconds: 1,
  warmUp: 0,
  bytes: 20,
  direct: false,
};

function bytesOf(...numbers: number[]): Uint8Array {
  const text = numbers.map((n) => `id: ${n}\ndata: ${textOf(plan, n)}\n\n`);
  return new TextEncoder().encode(text.join(""));
}

function ledger(): Ledger {
  const made = new Ledger(plan, 0, 2);
  made.startedAt = 1_000;
  return made;
}

test("a ledger books messages wherever the bytes are cut", () => {
  const bytes = bytesOf(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
  for (let cut = 1; cut < bytes.length; cut++) {
    const books = new Ledger(plan, 0, 1);
    books.startedAt = 1_000;
    const rest = books.scan(0, bytes.slice(0, cut), 1_000) ?? new Uint8Array();
    books.scan(0, new Uint8Array([...rest, ...bytes.slice(cut)]), 1_000);
    const { expected, received, lost, doubled } = books.close(1);
    assertEquals([expected, received, lost, doubled], [10, 10, 0, 0]);
  }
});

test("a ledger books messages though the boundary of two chunks divides them", () => {
  const bytes = bytesOf(0, 1, 2, 3, 4, 5, 6, 7, 8, 9);
  const boundary = new TextEncoder().encode("\r\n1a4\r\n");
  for (let cut = 1; cut < bytes.length; cut++) {
    const all = [...bytes.slice(0, cut), ...boundary, ...bytes.slice(cut)];
    for (const end of [all.length, cut + 3, cut + boundary.length]) {
      const books = new Ledger(plan, 0, 1);
      books.startedAt = 1_000;
      const first = new Uint8Array(all.slice(0, end));
      const rest = books.scan(0, first, 1_000) ?? [];
      books.scan(0, new Uint8Array([...rest, ...all.slice(end)]), 1_000);
      const { received, lost, foreign } = books.close(1);
      assertEquals([received, lost, foreign], [10, 0, 0]);
    }
  }
});

test("a ledger takes latency from when a message was due, not when it was sent", () => {
  const books = ledger();
  // Message 3 is due 300 ms after the start.
  books.scan(0, bytesOf(3), 1_000 + 300 + 25);
  const { last, sums, counts } = books.close(1);
  assertEquals([last[3], sums[3], counts[3]], [25, 25, 1]);
});

test("a ledger tells lost, doubled and overtaken messages apart", () => {
  const books = ledger();
  books.scan(0, bytesOf(0, 1, 2, 4, 3, 5, 5, 7, 8, 9), 2_000);
  books.scan(1, bytesOf(0, 1, 2, 3, 4, 5, 6, 7, 8, 9), 2_000);
  const found = books.close(2);
  assertEquals([found.expected, found.lost, found.doubled], [20, 1, 1]);
  assertEquals(found.overtaken, [[4, 3, 1]]);
  assertEquals(found.examples, [
    "client 0 got message 5 twice",
    "client 0 never got message 6",
  ]);
  assertEquals(found.orders.map(([, clients]) => clients), [1, 1]);
});

test("a ledger owes one who left only what lies before the newest it had", () => {
  const books = ledger();
  books.scan(0, bytesOf(0, 2), 1_000);
  books.settle(0);
  books.begin(0, 1_000 + 450);
  // Message 5 is the first that was due after that.
  books.scan(0, bytesOf(6, 7, 8, 9), 2_000);
  const { expected, lost, examples } = books.close(1);
  assertEquals([expected, lost], [8, 2]);
  assertEquals(examples, [
    "client 0 never got message 1",
    "client 0 never got message 5",
  ]);
});

test("a ledger owes one who reads slowly all in turn, and counts no latency", () => {
  const books = ledger();
  books.exclude(0, true);
  books.scan(0, bytesOf(0, 1, 3), 9_000);
  const { expected, lost, unread, counts } = books.close(1);
  // Message 2 was left out; those from 4 on may come yet.
  assertEquals([expected, lost, unread, counts[0]], [10, 1, 6, 0]);
});

test("a ledger knows messages that are another's, or nobody's", () => {
  const rooms = { ...plan, connections: 4, channels: 2 };
  const books = new Ledger(rooms, 0, 1);
  books.startedAt = 0;
  books.scan(0, bytesOf(0, 1, 2, 4, 6, 8), 1_000);
  books.take(0, 77, 1_000);
  const { expected, lost, foreign } = books.close(1);
  // Client 0 follows channel 0, where the even numbers go.
  assertEquals([expected, lost, foreign], [5, 0, 2]);
});
