/** Comet4J 1.7, 1.8, 2.6, 2.8 and rules 6, 9, 11, 12: how a connection lives and ends. */
import { assert, assertEquals } from "@std/assert";
import { test, turn } from "../../harness.ts";
import { FIREFOX, parked, type Site, site } from "./site.ts";

/** Notes what the engine tells of its connections. */
function noted({ engine }: Site): string[] {
  const events: string[] = [];
  engine.on("connect", () => void events.push("connect"));
  engine.on("return", () => void events.push("return"));
  engine.on("away", () => void events.push("away"));
  engine.on("drop", (_, reason) => void events.push(`drop ${reason}`));
  return events;
}

test("over long-polling: connect, revival, dying at every silence, and drop", async () => {
  const here = site({ timeout: 5_000 });
  const events = noted(here);
  const tab = here.browser();
  const { cid } = await tab.connect();
  for (let n = 0; n < 2; n++) {
    const held = tab.poll(cid);
    await parked(here, cid);
    here.clock.advance(4_750);
    assertEquals((await held).data, "dying");
  }
  const { status, headers } = await tab.drop(cid);
  assertEquals([status, headers.get("content-type")], [
    200,
    "text/html;charset=UTF-8",
  ]);
  const polls = ["return", "away", "return", "away"];
  assertEquals(events, ["connect", ...polls, "drop left"]);
});

test("over a stream: connect, revival, dying at every silence, and expiry", async () => {
  const here = site({ timeout: 5_000 });
  const events = noted(here);
  const tab = here.browser(FIREFOX);
  const { cid } = await tab.connect();
  for (let n = 0; n < 2; n++) {
    const stream = await tab.stream(cid);
    await parked(here, cid);
    here.clock.advance(4_750);
    assertEquals((await stream.next())!.data, "dying");
  }
  here.clock.advance(9_000);
  assert(here.engine.connections.has(cid));
  here.clock.advance(2_000);
  const streams = ["return", "away", "return", "away"];
  assertEquals(events, ["connect", ...streams, "drop expired"]);
});

test("a connection is kept for connExpires and connFrequency after its request", async () => {
  const times = [
    [{}, 10_000],
    [{ connExpires: 20_000, connFrequency: 0 }, 20_000],
  ] as const;
  for (const [options, linger] of times) {
    const here = site(options);
    const tab = here.browser();
    const { cid } = await tab.connect();
    here.clock.advance(linger - 1);
    assert(here.engine.connections.has(cid));
    const held = tab.poll(cid);
    await parked(here, cid);
    await here.engine.publish("hello", 1);
    await held;
    here.clock.advance(linger - 1);
    assert(here.engine.connections.has(cid));
    here.clock.advance(1_001);
    assert(!here.engine.connections.has(cid));
    assertEquals((await tab.revive(cid)).status, 404);
  }
});

test("native connections keep the engine's own time away", async () => {
  const here = site();
  const native = await here.engine.connect({ channels: ["hello"] });
  here.clock.advance(20_000);
  assert(here.engine.connections.has(native.id));
});

test("an open request keeps its connection, however long it is silent", async () => {
  const here = site({ timeout: 600_000 });
  const tab = here.browser();
  const { cid } = await tab.connect();
  const held = tab.poll(cid);
  await parked(here, cid);
  here.clock.advance(500_000);
  await here.engine.publish("hello", 1);
  assertEquals((await held).data, 1);
});

test("a revival of what is not known is a 404, as 200 would go on for ever", async () => {
  const { browser, engine } = site();
  const tab = browser();
  const { cid } = await tab.connect();
  await tab.drop(cid);
  const native = await engine.connect({ channels: ["hello"] });
  const cids = [
    cid,
    "",
    "0",
    native.id,
    native.key,
    "747967f3-99ca-4f76-8687-4f4383a66800",
    "__proto__",
    "constructor",
    "%00",
    "x".repeat(5_000),
  ];
  for (const cid of cids) {
    assertEquals((await tab.revive(cid)).status, 404, cid);
  }
  assertEquals((await tab.ask("?cmd=revival")).status, 404);
  assertEquals([...engine.connections.keys()], [native.id]);
  assertEquals(engine.connections.get(native.id)!.transport, undefined);
});

test("a drop of what is not known changes nothing, and is a 200", async () => {
  const { browser, engine } = site();
  const native = await engine.connect({ channels: ["hello"] });
  for (const cid of ["", "x", native.id, native.key]) {
    assertEquals((await browser().drop(cid)).status, 200);
  }
  assertEquals(engine.connections.size, 1);
});

test("a drop ends the poll that is held meanwhile", async () => {
  const here = site();
  const tab = here.browser();
  const { cid } = await tab.connect();
  const held = tab.revive(cid);
  await parked(here, cid);
  await tab.drop(cid);
  assertEquals((await held).status, 410);
});

test("a beforeDrop listener may keep a connection", async () => {
  const { browser, engine, clock } = site();
  const tab = browser();
  const { cid } = await tab.connect();
  const keep = engine.on("beforeDrop", () => false);
  assertEquals((await tab.drop(cid)).status, 200);
  clock.advance(20_000);
  await engine.publish("hello", 1);
  assertEquals((await tab.poll(cid)).data, 1);
  keep();
  await tab.drop(cid);
  assertEquals(engine.connections.size, 0);
});

test("subscribe is asked again at every revival", async () => {
  let allowed = ["a", "b"];
  const policy = {
    allow: (_: unknown, name: string) => allowed.includes(name),
  };
  const here = site({ channels: ["a", "b", "c"] }, { policy });
  const tab = here.browser();
  const { cid, data } = await tab.connect();
  assertEquals(data.channels, ["a", "b"]);
  allowed = ["b", "c"];
  const held = tab.poll(cid);
  await parked(here, cid);
  for (const name of ["a", "b", "c"]) await here.engine.publish(name, name);
  assertEquals((await held).data, "b");
  assertEquals((await tab.poll(cid)).data, "c");
  allowed = [];
  assertEquals((await tab.revive(cid)).status, 401);
  // It was not dropped for that.
  allowed = ["a"];
  await here.engine.sendTo(cid, "own", 1);
  assertEquals((await tab.poll(cid)).data, 1);
});

test("many lost connections within 10 s are told of, with the cause", async () => {
  const { browser, clock, errors } = site();
  const ids = Array.from({ length: 8 }, (_, n) => `${n}`.repeat(22));
  for (const id of ids.slice(0, 3)) await browser().revive(id);
  // The same one again, and what is none, do not count.
  for (let n = 0; n < 5; n++) await browser().revive(ids[0]!);
  for (const id of ["", "x", "y", "z"]) await browser().revive(id);
  assertEquals(errors, []);
  await browser().revive(ids[3]!);
  await browser().revive(ids[4]!);
  assertEquals(errors.length, 1);
  assert(String(errors[0]).includes("no session affinity"));
  clock.advance(10_000);
  for (const id of ids.slice(4)) await browser().revive(id);
  assertEquals(errors.length, 2);
});

test("a connection that is dropped while its policy is asked is not made anew", async () => {
  const gate = Promise.withResolvers<void>();
  let slow = false;
  const policy = {
    async allow() {
      if (slow) await gate.promise;
      return true;
    },
  };
  const here = site({}, { policy });
  const tab = here.browser();
  const { cid } = await tab.connect();
  slow = true;
  const late = tab.revive(cid);
  await turn();
  here.engine.drop(cid);
  gate.resolve();
  assertEquals((await late).status, 404);
  assertEquals(here.engine.connections.size, 0);
});

test("a stream ends at its maximum age, each at a time of its own, however much is said", async () => {
  const here = site({ timeout: 900_000 }, { maxAge: 40_000 });
  const { engine, clock, browser } = here;
  const began = clock.now();
  const opens = await Promise.all(Array.from({ length: 8 }, async () => {
    const tab = browser(FIREFOX);
    const { cid } = await tab.connect();
    const stream = await tab.stream(cid);
    return { stream, connection: engine.connections.get(cid)! };
  }));
  const ends = new Set<number>();
  engine.on("away", () => void ends.add(clock.now() - began));
  for (let n = 0; n < 40; n++) {
    clock.advance(1_000);
    await engine.publish("hello", n);
    await turn();
    for (const { stream, connection } of opens) {
      // Whoever is still there has room.
      if (connection.sink) await stream.next();
    }
  }
  assert(Math.min(...ends) >= 30_000 && Math.max(...ends) <= 41_000);
  assert(ends.size > 3, `${[...ends]}`);
  for (const { stream, connection } of opens) {
    assert(!connection.sink);
    assertEquals((await stream.rest()).at(-1)!.data, "dying");
  }
});

test("while a node goes away, a page goes on until its turn", async () => {
  const here = site();
  const { engine, clock } = here;
  const [first, tab] = [here.browser(), here.browser()];
  await first.connect();
  const { cid } = await tab.connect();
  // The first to come is ended at once, the second after half of the time.
  const closing = engine.close({ over: 20_000 });
  for (let n = 0; n < 3; n++) {
    clock.advance(3_000);
    await engine.publish("hello", n);
    assertEquals((await tab.poll(cid)).data, n);
  }
  assertEquals((await here.browser().ask("?cmd=conn")).status, 503);
  clock.advance(5_000);
  await closing;
  assertEquals((await tab.revive(cid)).status, 404);
});

test("who comes too late was not lost on the way", async () => {
  const { browser, clock, engine, errors } = site();
  const tabs = await Promise.all(Array.from({ length: 8 }, async () => {
    const tab = browser();
    return { tab, cid: (await tab.connect()).cid };
  }));
  clock.advance(11_000);
  assertEquals(engine.connections.size, 0);
  for (const { tab, cid } of tabs) {
    assertEquals((await tab.revive(cid)).status, 404);
  }
  assertEquals(errors, []);
});
