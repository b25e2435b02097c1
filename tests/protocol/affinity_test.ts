/** Sessions that are asked for on the wrong node. */
import { assertEquals, assertMatch } from "@std/assert";
import { Affinity } from "../../src/protocol/affinity.ts";
import { test } from "../harness.ts";

function counted() {
  const told: Error[] = [];
  return { told, affinity: new Affinity((error) => told.push(error)) };
}

test("lost() tells of more than three lost sessions in 10 s, with the cause", () => {
  const { told, affinity } = counted();
  for (const [n, session] of ["a", "b", "c"].entries()) {
    affinity.lost(session, 1_000 * n);
  }
  assertEquals(told, []);
  affinity.lost("d", 9_999);
  assertEquals(told.length, 1);
  assertMatch(told[0]!.message, /no session affinity/);
});

test("lost() tells it once in 10 s", () => {
  const { told, affinity } = counted();
  for (let n = 0; n < 100; n++) affinity.lost(`${n}`, 100 * n);
  assertEquals(told.length, 1);
  for (let n = 100; n < 200; n++) affinity.lost(`${n}`, 100 * n);
  assertEquals(told.length, 2);
});

test("lost() counts a session that is asked for again once", () => {
  const { told, affinity } = counted();
  for (let n = 0; n < 100; n++) affinity.lost(`${n % 3}`, n);
  assertEquals(told, []);
});

test("lost() forgets what was lost 10 s ago", () => {
  const { told, affinity } = counted();
  for (let n = 0; n < 30; n++) affinity.lost(`${n}`, 3_400 * n);
  assertEquals(told, []);
});

test("lost() counts no session that has ended here; 1,000 are remembered", () => {
  const { told, affinity } = counted();
  for (let n = 0; n < 1_004; n++) affinity.ended(`${n}`);
  for (let n = 4; n < 1_004; n++) affinity.lost(`${n}`, 0);
  assertEquals(told, []);
  for (let n = 0; n < 4; n++) affinity.lost(`${n}`, 0);
  assertEquals(told.length, 1);
});
