/** Who was thrown out for good. */
import { assertEquals } from "@std/assert";
import { Barred } from "../../src/auth/barred.ts";
import { idOfKey } from "../../src/key.ts";
import { test } from "../harness.ts";

test("a barred subject's tokens are over, and a later one is not", () => {
  const barred = new Barred();
  barred.subject("ann", 5_000);
  const has = (issued: number, subject = "ann") =>
    barred.has({ subject, issued }, 0);
  assertEquals([has(4_000), has(5_000), has(5_001)], [true, true, false]);
  assertEquals(has(4_000, "bob"), false);
});

test("a barred subject without times is over for requests that came before", () => {
  const barred = new Barred();
  const ann = { subject: "ann" };
  const before = barred.times;
  assertEquals(barred.has(ann, before), false);
  barred.subject("ann", 5_000);
  assertEquals(barred.has(ann, before), true);
  assertEquals(barred.has(ann, barred.times), false);
  barred.sweep(86_404_999);
  assertEquals(barred.has(ann, before), true);
  barred.sweep(86_405_000);
  assertEquals(barred.has(ann, before), false);
});

test("a barred ticket is over, and no other of its subject", () => {
  const barred = new Barred();
  const ticket = { subject: "ann", issued: 1, expires: 9_000, key: "k" };
  barred.ticket(idOfKey("k"), 5_000, 9_000);
  assertEquals(barred.has(ticket, 0), true);
  assertEquals(barred.has({ ...ticket, key: "other" }, 0), false);
  assertEquals(barred.has({ subject: "ann" }, 0), false);
});

test("sweep() forgets a ticket when it has expired, a subject after a day", () => {
  const barred = new Barred();
  const ticket = { subject: "ann", expires: 9_000, key: "k" };
  barred.ticket(idOfKey("k"), 5_000, 9_000);
  barred.subject("bob", 5_000);
  const bob = { subject: "bob", issued: 1 };
  barred.sweep(8_999);
  assertEquals(barred.has(ticket, 0), true);
  barred.sweep(9_000);
  assertEquals([barred.has(ticket, 0), barred.has(bob, 0)], [
    false,
    true,
  ]);
  barred.sweep(86_405_000);
  assertEquals(barred.has(bob, 0), false);
});

test("10,000 are remembered; the oldest is forgotten for the next", () => {
  const barred = new Barred();
  for (let n = 0; n <= 10_000; n++) {
    barred.subject(`s${n}`, n);
    barred.ticket(idOfKey(`k${n}`), n);
  }
  const subject = (n: number) => barred.has({ subject: `s${n}`, issued: 0 }, 0);
  const ticket = (n: number) => barred.has({ subject: "x", key: `k${n}` }, 0);
  assertEquals([subject(0), ticket(0)], [false, false]);
  assertEquals([subject(1), ticket(1), subject(10_000)], [true, true, true]);
});
