/** Comet4J 2.5, 2.8 and rules 3, 4, 5, 7, 8, 10, 11: streams. */
import { assert, assertEquals } from "@std/assert";
import {
  FAREWELL,
  OPENING,
  ROTATION,
} from "../../../src/protocol/comet4j/stream.ts";
import { test, turn } from "../../harness.ts";
import { FIREFOX, parked, type Site, site, Stream } from "./site.ts";

/** A site with a client whose stream is open. */
async function opened(here: Site) {
  const tab = here.browser(FIREFOX);
  const { cid } = await tab.connect();
  const stream = await tab.stream(cid);
  await parked(here, cid);
  return { tab, cid, stream, connection: here.engine.connections.get(cid)! };
}

test("every message is a write of its own, on one response", async () => {
  const here = site({ channels: ["a", "b"] });
  const { stream, cid, connection } = await opened(here);
  assertEquals(connection.transport, "comet4j-stream");
  for (let n = 0; n < 20; n++) await here.engine.publish(n % 2 ? "a" : "b", n);
  await here.engine.sendTo(cid, "c", 20);
  await here.engine.sendToAll("d", 21);
  let last = 0;
  for (let n = 0; n < 22; n++) {
    const { channel, data, time } = (await stream.next())!;
    assertEquals([channel, data], [
      n === 21 ? "d" : n === 20 ? "c" : n % 2 ? "a" : "b",
      n,
    ]);
    assert(time > last);
    last = time;
  }
});

test("messages come after the frame that opens a stream, with a pause", async () => {
  const here = site();
  const tab = here.browser(FIREFOX);
  const { cid } = await tab.connect();
  await here.engine.publish("hello", 1);
  const stream = new Stream(await tab.revive(cid));
  const first = (await stream.next())!;
  assertEquals([first.channel, first.data], ["$open", null]);
  const next = stream.next();
  let came = false;
  void next.then(() => came = true);
  here.clock.advance(OPENING - 1);
  await here.engine.publish("hello", 2);
  await turn();
  assert(!came);
  here.clock.advance(1);
  assertEquals((await next)!.data, 1);
  assertEquals((await stream.next())!.data, 2);
});

test("everybody gets the same bytes", async () => {
  const here = site();
  const one = await opened(here);
  const two = await opened(here);
  await here.engine.publish("hello", 1);
  assert(await one.stream.bytes() === await two.stream.bytes());
});

test("a stream that was silent ends with dying, which is seen before the end", async () => {
  const here = site({ timeout: 60_000 });
  const { stream, connection } = await opened(here);
  here.clock.advance(30_000);
  await here.engine.publish("hello", 1);
  assertEquals((await stream.next())!.data, 1);
  // The silence counts from the last byte.
  here.clock.advance(56_900);
  assert(connection.transport);
  here.clock.advance(100);
  const { channel, data, time } = (await stream.next())!;
  assertEquals([channel, data], ["c4j", "dying"]);
  assert(time > 1_000_000);
  assertEquals(connection.transport, undefined);
  // Browsers need a while to see it, and 0.1.7 does not look at the end.
  let ended = false;
  const end = stream.next().then((next) => {
    ended = true;
    return next;
  });
  here.clock.advance(FAREWELL - 10);
  await turn();
  assert(!ended);
  here.clock.advance(10);
  assertEquals(await end, undefined);
});

test("what comes between two streams waits for the next", async () => {
  const here = site({ timeout: 5_000 });
  const { tab, stream, cid } = await opened(here);
  here.clock.advance(4_800);
  await here.engine.publish("hello", 1);
  assertEquals((await stream.next())!.data, "dying");
  const next = await tab.stream(cid);
  assertEquals((await next.next())!.data, 1);
  here.clock.advance(FAREWELL);
  assertEquals(await stream.next(), undefined);
  // The end of the old one is not the new one's.
  assert(here.engine.connections.get(cid)!.transport);
});

test("a stream supersedes an older one, whose late abort changes nothing", async () => {
  const here = site();
  const { tab, stream, cid, connection } = await opened(here);
  const next = await tab.stream(cid);
  await parked(here, cid);
  assertEquals(await stream.rest(), []);
  await stream.cancel();
  assert(connection.transport);
  await here.engine.publish("hello", 1);
  assertEquals((await next.next())!.data, 1);
});

test("a client that goes is away at once, and what it was not given comes again", async () => {
  const here = site();
  const { tab, stream, cid, connection } = await opened(here);
  for (let n = 1; n <= 3; n++) await here.engine.publish("hello", n);
  await turn();
  assertEquals((await stream.next())!.data, 1);
  await turn();
  // The second lies in the response, unread.
  await stream.cancel();
  assertEquals(connection.transport, undefined);
  const next = await tab.stream(cid);
  assertEquals((await next.next())!.data, 2);
  assertEquals((await next.next())!.data, 3);
});

test("a response ends before it is too long for its client", async () => {
  const here = site();
  const { tab, stream, cid } = await opened(here);
  const text = "x".repeat(10_000);
  const had: number[] = [];
  let responses = 1;
  let current = stream;
  let size = 0;
  for (let n = 0; n < 60; n++) {
    here.clock.advance(500);
    await here.engine.publish("hello", { n, text });
    const { channel, data } = (await current.next())!;
    if (channel === "c4j") {
      assertEquals(data, "dying");
      assert(size >= ROTATION && size < ROTATION + 11_000, `${size}`);
      current = await tab.stream(cid);
      responses++;
      size = 0;
      had.push((await current.next())!.data.n);
    } else had.push(data.n);
    size += 10_150;
  }
  assertEquals(had, Array.from({ length: 60 }, (_, n) => n));
  assertEquals(responses, 3);
});

test("a burst is spread over responses, as half a frame would kill a client", async () => {
  const here = site();
  const { tab, stream, cid } = await opened(here);
  const text = "x".repeat(5_000);
  for (let n = 0; n < 30; n++) await here.engine.publish("hello", { n, text });
  let current = stream;
  let size = 0;
  let last = 0;
  const sizes: number[] = [];
  const had: number[] = [];
  while (had.length < 30) {
    const { channel, data, time } = (await current.next())!;
    assert(time > last, `${time} after ${last}`);
    last = time;
    if (channel === "c4j") {
      sizes.push(size);
      current = await tab.stream(cid);
      size = 0;
    } else {
      had.push(data.n);
      size += 5_140;
    }
  }
  assertEquals(had, Array.from({ length: 30 }, (_, n) => n));
  assertEquals(sizes, Array(9).fill(15_420));
});

test("a large frame has a response of its own if others are on their way", async () => {
  const here = site();
  const { tab, stream, cid } = await opened(here);
  const text = "x".repeat(60_000);
  for (const data of [1, text, 3]) await here.engine.publish("hello", data);
  assertEquals((await stream.next())!.data, 1);
  assertEquals((await stream.next())!.data, "dying");
  const second = await tab.stream(cid);
  assertEquals((await second.next())!.data, text);
  assertEquals((await second.next())!.data, "dying");
  const third = await tab.stream(cid);
  assertEquals((await third.next())!.data, 3);
});

test("a frame that browsers show in parts, which kills clients, is told of instead", async () => {
  const here = site();
  const { stream } = await opened(here);
  await here.engine.publish("hello", "x".repeat(70_000));
  await here.engine.publish("hello", 2);
  const { channel, data } = (await stream.next())!;
  assertEquals([channel, data], ["$toolong", "hello"]);
  assertEquals((await stream.next())!.data, 2);
});

test("messages that the log has dropped are told of by a frame", async () => {
  const here = site({ channels: ["a"] }, { history: { frames: 2 } });
  const { tab, stream, cid } = await opened(here);
  await stream.cancel();
  for (let n = 1; n <= 5; n++) {
    await here.engine.publish("a", n);
    await turn();
  }
  const next = await tab.stream(cid);
  const told = await next.next();
  assertEquals([told!.channel, told!.data], ["$reset", ["a"]]);
  assertEquals((await next.next())!.data, 4);
  assertEquals((await next.next())!.data, 5);
});

test("a client that does not read is ended as slow, and misses nothing", async () => {
  const here = site({ timeout: 900_000, connExpires: 100_000 }, {
    writeTimeout: 30_000,
  });
  const { engine, clock } = here;
  const { tab, stream, cid, connection } = await opened(here);
  for (let n = 1; n <= 3; n++) await engine.publish("hello", n);
  await turn();
  clock.advance(31_000);
  assertEquals(connection.transport, undefined);
  assertEquals(engine.node.stalled, 1);
  assertEquals((await stream.next())!.data, 1);
  assertEquals((await stream.next())!.data, "dying");
  assertEquals(engine.node.stalled, 0);
  clock.advance(FAREWELL);
  assertEquals(await stream.next(), undefined);
  const next = await tab.stream(cid);
  const rest = [await next.next(), await next.next()];
  assertEquals(rest.map((message) => message!.data), [2, 3]);
});

test("a stalled stream is counted until it is cancelled", async () => {
  const here = site({ timeout: 900_000 }, { writeTimeout: 1_000 });
  const { stream } = await opened(here);
  await here.engine.publish("hello", 1);
  await turn();
  here.clock.advance(2_000);
  assertEquals(here.engine.node.stalled, 1);
  await stream.cancel();
  assertEquals(here.engine.node.stalled, 0);
});

test("a stream without room that is ended is counted until it is read, or cancelled", async () => {
  const here = site();
  const { engine } = here;
  const one = await opened(here);
  const two = await opened(here);
  for (let n = 1; n <= 2; n++) await engine.publish("hello", n);
  await turn();
  engine.drop(one.cid);
  await two.tab.stream(two.cid);
  assertEquals(engine.node.stalled, 2);
  assertEquals((await one.stream.next())!.data, 1);
  assertEquals((await one.stream.next())!.data, "dying");
  assertEquals(engine.node.stalled, 1);
  await two.stream.cancel();
  assertEquals(engine.node.stalled, 0);
});

test("a stream that the server ends says dying first, whyever it is", async () => {
  const here = site();
  const kicked = await opened(here);
  here.engine.drop(kicked.cid);
  assertEquals((await kicked.stream.next())!.data, "dying");
  assertEquals((await kicked.tab.revive(kicked.cid)).status, 404);
  const last = await opened(here);
  await here.engine.close();
  assertEquals((await last.stream.next())!.data, "dying");
  here.clock.advance(FAREWELL);
  assertEquals(await last.stream.rest(), []);
});

test("a client that goes while its response ends changes nothing", async () => {
  const here = site({ timeout: 5_000 });
  const { stream, tab, cid, connection } = await opened(here);
  here.clock.advance(4_800);
  assertEquals((await stream.next())!.data, "dying");
  await stream.cancel();
  const next = await tab.stream(cid);
  here.clock.advance(FAREWELL);
  assert(connection.transport);
  await here.engine.publish("hello", 1);
  assertEquals((await next.next())!.data, 1);
});
