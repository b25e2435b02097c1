/** PROTOCOL N12.3: tickets, for what can send no headers. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { PushError } from "../../src/errors.ts";
import { isKey } from "../../src/key.ts";
import { Tickets } from "../../src/auth/ticket.ts";
import { manualClock, test } from "../harness.ts";
import { SECRET, token } from "../issuer.ts";

const ann = {
  subject: "ann",
  claims: { sub: "ann", subscribe: ["a"] },
  issued: 990_000,
  expires: 1_600_000,
};

function setup(secret = SECRET) {
  const clock = manualClock();
  const tickets = new Tickets(secret, clock);
  const take = (text: string, init: RequestInit = {}, by = tickets) =>
    by.take(text, new Request("http://localhost/push/a", init));
  const refusal = async (...args: Parameters<typeof take>) =>
    (await assertRejects(() => take(...args), PushError)).code;
  return { clock, tickets, take, refusal };
}

const back = { headers: { "last-event-id": "e-1" } };

test("a ticket lets in whoever it was made for, on every node with the secret", async () => {
  const { tickets, take, clock } = setup();
  const text = await tickets.make(ann);
  const identity = await take(text);
  assert(isKey(identity.key!));
  assertEquals(identity, { ...ann, key: identity.key! });
  const elsewhere = new Tickets(SECRET, clock);
  assertEquals(await take(text, {}, elsewhere), identity);
});

test("each ticket is for a connection of its own", async () => {
  const { tickets, take } = setup();
  const keys = await Promise.all(
    [1, 2].map(async () => (await take(await tickets.make(ann))).key),
  );
  assert(keys[0] !== keys[1]);
});

test("a ticket opens within 30 s, and comes back until its token ends", async () => {
  const { tickets, take, refusal, clock } = setup();
  const text = await tickets.make(ann);
  clock.advance(30_000);
  await take(text);
  clock.advance(1);
  assertEquals(await refusal(text), "unauthorized");
  assertEquals(
    await refusal(text, { headers: { "last-event-id": "" } }),
    "unauthorized",
  );
  await take(text, back);
  clock.advance(1_599_999 - clock.now());
  await take(text, back);
  clock.advance(1);
  assertEquals(await refusal(text, back), "token_expired");
});

test("a ticket of a token that does not end is good for a day", async () => {
  const { tickets, take, clock } = setup();
  const text = await tickets.make({ subject: "ann" });
  assertEquals((await take(text)).expires, clock.now() + 86_400_000);
});

test("a ticket is no newer than its token, or as old as it is itself", async () => {
  const { tickets, take, clock } = setup();
  assertEquals((await take(await tickets.make(ann))).issued, 990_000);
  const { issued } = await take(await tickets.make({ subject: "ann" }));
  assertEquals(issued, clock.now());
});

test("a ticket opens streams and does nothing else", async () => {
  const { tickets, take, refusal } = setup();
  const text = await tickets.make(ann);
  await take(text, { method: "HEAD" });
  for (const method of ["POST", "PUT", "DELETE"]) {
    assertEquals(await refusal(text, { method }), "unauthorized");
  }
});

test("what was signed for something else, or changed, is no ticket", async () => {
  const { tickets, refusal } = setup();
  const text = await tickets.make(ann);
  const others = [
    await token(),
    await token({ ticket: { subject: "eve", key: "k", until: 9e15 } }),
    await setup(`${SECRET}2`).tickets.make(ann),
    text.replace(/.$/, (last) => last === "A" ? "E" : "A"),
    text.slice(0, -1),
    "",
    "%00",
  ];
  for (const other of others) {
    assertEquals(await refusal(other), "unauthorized", other);
  }
});
