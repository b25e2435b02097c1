/** Quotas of connections, subjects and addresses (PROTOCOL N13), told in Bayeux. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect } from "node:net";
import { test } from "../../harness.ts";
import { Raw, readAnswer } from "../../http/sockets.ts";
import type { Reply } from "./peer.ts";
import { type Served, served, SHAKE, Visitor } from "./served.ts";

const at = (address: string, user?: string) => ({
  "x-forwarded-for": address,
  ...(user && { "x-user": user }),
});
const HERE = at("192.0.2.1");
const THERE = at("192.0.2.2");

/** Which limit has refused a handshake, whose client goes on negotiating, in a while. */
function handshakeRefused({ successful, error, advice, clientId }: Reply) {
  assertEquals([successful, clientId], [false, undefined]);
  assertEquals(advice.reconnect, "handshake");
  assert(Number.isInteger(advice.interval) && advice.interval >= 1_000);
  return limitIn(error, /^429::/);
}

/** Which limit has refused something else: its client goes on as it is. */
function refused({ successful, error, advice }: Reply): string {
  assertEquals([successful, advice], [false, undefined]);
  return limitIn(error, /^429:[1-9]\d*:/);
}

function limitIn(error: string, start: RegExp): string {
  assertMatch(error, start);
  return /The limit (\S+) is reached; [^:]+\.$/.exec(error)?.[1] ?? error;
}

async function shake({ cometd }: Served, headers: Record<string, string>) {
  return await new Visitor(cometd, headers).handshake();
}

test("a session over those of its address is refused for a while, and nobody else suffers", async () => {
  await using halley = await served({
    limits: { address: { connections: 2 } },
  });
  const { cometd, engine } = halley;
  const one = await Visitor.welcome(cometd, HERE);
  const two = await Visitor.welcome(cometd, HERE);
  const before = [...engine.connections.keys()];
  for (let n = 0; n < 3; n++) {
    const reply = await shake(halley, HERE);
    assertEquals(handshakeRefused(reply), "address.connections");
  }
  assertEquals([...engine.connections.keys()], before);
  const other = await Visitor.welcome(cometd, THERE);
  for (const visitor of [one, two, other]) await visitor.subscribe("/a");
  await engine.publish("a", 1);
  for (const visitor of [one, two, other]) {
    assertEquals(await visitor.events(), [1]);
  }
  // A place that is given up is free.
  await one.ask("/meta/disconnect");
  await Visitor.welcome(cometd, HERE);
  const { counts, meters } = engine.node;
  assertEquals(meters.refused.get("address.connections"), 3);
  assertEquals(counts.refusals.get("too_many_requests"), 3);
});

test("handshakes are opens of their address and subject; what a session asks is none", async () => {
  await using halley = await served({
    limits: { address: { opens: 2 }, subject: { opens: 1 } },
  });
  const { cometd, clock } = halley;
  const ann = at("192.0.2.1", "ann");
  const [visitor] = await Promise.all(
    Array.from({ length: 5 }, () => Visitor.welcome(cometd, ann)),
  );
  assertEquals(handshakeRefused(await shake(halley, ann)), "subject.opens");
  for (let n = 0; n < 4; n++) await Visitor.welcome(cometd, HERE);
  assertEquals(handshakeRefused(await shake(halley, HERE)), "address.opens");
  for (let n = 0; n < 20; n++) {
    assertEquals(await visitor!.events(), []);
    assert((await visitor!.ask("/a", { data: n })).successful);
  }
  await Visitor.welcome(cometd, at("192.0.2.2", "bob"));
  clock.advance(1_000);
  await Visitor.welcome(cometd, ann);
});

test("handshakes that are not understood are opens too, and so are those of scripts", async () => {
  await using halley = await served({ limits: { address: { opens: 1 } } });
  const { cometd } = halley;
  const visitor = new Visitor(cometd, HERE);
  for (let n = 0; n < 3; n++) {
    const [reply] = await visitor.send({ channel: "/meta/handshake" });
    assertMatch(reply.error, /^400:version:/);
  }
  const script = async () => {
    const message = new URLSearchParams({ message: JSON.stringify(SHAKE) });
    const url = `${cometd}?${message}`;
    const headers = { ...HERE, "sec-fetch-site": "same-origin" };
    const text = await (await fetch(url, { headers })).text();
    return JSON.parse(/\((.*)\);$/.exec(text)![1]!)[0];
  };
  for (let n = 0; n < 2; n++) assert((await script()).successful);
  assertEquals(handshakeRefused(await script()), "address.opens");
});

test("channels are counted over all sessions of a subject, and of an address", async () => {
  await using halley = await served({
    limits: { subject: { channels: 3 }, address: { channels: 4 } },
  });
  const { cometd, engine } = halley;
  const one = await Visitor.welcome(cometd, at("192.0.2.1", "ann"));
  const two = await Visitor.welcome(cometd, at("192.0.2.1", "ann"));
  const bob = await Visitor.welcome(cometd, at("192.0.2.1", "bob"));
  assert((await one.subscribe(["/a", "/b"])).successful);
  const reply = await two.subscribe(["/a", "/c"]);
  assertEquals(refused(reply), "subject.channels");
  assertEquals(reply.subscription, ["/a", "/c"]);
  assert((await two.subscribe("/c")).successful);
  // What is followed already is nothing more.
  assert((await two.subscribe("/c")).successful);
  assertEquals(refused(await bob.subscribe(["/a", "/b"])), "address.channels");
  assert((await bob.subscribe("/a")).successful);
  await one.ask("/meta/unsubscribe", { subscription: "/a" });
  assert((await bob.subscribe("/b")).successful);
  await engine.publish("b", 1);
  for (const [visitor, count] of [[one, 1], [two, 0], [bob, 1]] as const) {
    assertEquals(await visitor.events(), Array(count).fill(1));
  }
});

test("messages are counted by session, subject and address, each by itself in a batch", async () => {
  await using halley = await served({
    limits: {
      connection: { publishes: 1 },
      subject: { publishes: 2 },
      address: { publishes: 3 },
    },
  });
  const { cometd, engine, clock } = halley;
  const ann = at("192.0.2.1", "ann");
  const [one, two] = [
    await Visitor.welcome(cometd, ann),
    await Visitor.welcome(cometd, ann),
  ];
  await one.subscribe("/a");
  const batch = (clientId: string | undefined, most: number) =>
    Array.from({ length: most }, (_, id) => ({
      channel: "/a",
      id,
      data: id,
      ...(clientId && { clientId }),
    }));
  const replies = async (visitor: Visitor, messages: unknown[]) =>
    (await visitor.send(...messages)).filter((it) => "successful" in it);
  const limits = async (visitor: Visitor, messages: unknown[]) =>
    (await replies(visitor, messages)).map((reply) =>
      reply.successful ? "" : refused(reply)
    ).filter((limit) => limit);
  const first = await limits(one, batch(one.clientId, 7));
  assertEquals(first, Array(2).fill("connection.publishes"));
  // Seven were sent from there, so eight are left to it.
  const second = await limits(two, batch(two.clientId, 5));
  assertEquals(second, []);
  assertEquals(await limits(two, batch(undefined, 1)), ["subject.publishes"]);
  const nobody = new Visitor(cometd, HERE);
  const third = await limits(nobody, batch(undefined, 4));
  assertEquals(third, Array(2).fill("address.publishes"));
  const elsewhere = new Visitor(cometd, THERE);
  assertEquals(await limits(elsewhere, batch(undefined, 5)), []);
  assertEquals(engine.node.applied, 17);
  clock.advance(1_000);
  assertEquals(await limits(one, batch(one.clientId, 1)), []);
});

test("a session whose messages are refused goes on, and gets what others publish", async () => {
  await using halley = await served({
    limits: { connection: { publishes: 1 } },
  });
  const { cometd, engine } = halley;
  const eve = await Visitor.welcome(cometd);
  await eve.subscribe("/a");
  const storm = Array.from({ length: 100 }, (_, data) => ({
    channel: "/b",
    clientId: eve.clientId,
    data,
  }));
  const all = await eve.send(...storm);
  assertEquals(all.filter(({ successful }) => successful).length, 5);
  await engine.publish("a", "still here");
  assertEquals(await eve.events(), ["still here"]);
  assertEquals(engine.node.applied, 6);
});

test("bytes are counted, and calls of the server are messages", async () => {
  const called: unknown[] = [];
  await using halley = await served(
    { limits: { subject: { bytes: 1_000 }, address: { publishes: 1 } } },
    { calls: { x: (data) => void called.push(data) } },
  );
  const { cometd, engine } = halley;
  const ann = await Visitor.welcome(cometd, at("192.0.2.1", "ann"));
  const bob = await Visitor.welcome(cometd, at("192.0.2.2", "bob"));
  const big = "€".repeat(2_000);
  assert((await ann.ask("/a", { data: big })).successful);
  const over = await ann.ask("/a", { data: "" });
  assertEquals(refused(over), "subject.bytes");
  assert((await bob.ask("/a", { data: big })).successful);
  const eve = await Visitor.welcome(cometd, at("192.0.2.3"));
  for (let n = 0; n < 5; n++) {
    assert((await eve.ask("/service/x", { data: n })).successful);
  }
  const call = await eve.ask("/service/x", { data: 5 });
  assertEquals(refused(call), "address.publishes");
  assertEquals(called, [0, 1, 2, 3, 4]);
  assertEquals(engine.node.applied, 2);
});

test("sessions are counted by the other end of the socket, where no proxy is believed", async () => {
  await using halley = await served(
    { limits: { address: { connections: 1 } } },
    {},
    {},
  );
  const body = JSON.stringify([SHAKE]);
  const from = async (localAddress: string) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const to = { port: halley.port, host: "127.0.0.1", localAddress };
    const socket = connect(to, resolve);
    socket.once("error", reject);
    await promise;
    using raw = new Raw(socket);
    raw.send(
      "POST /push/cometd HTTP/1.1\r\nHost: localhost\r\n" +
        `X-Forwarded-For: ${Math.random()}, 192.0.2.7\r\n` +
        `Content-Length: ${body.length}\r\n\r\n${body}`,
    );
    await raw.until(() => readAnswer(raw.bytes) !== undefined);
    return JSON.parse(readAnswer(raw.bytes)!.body)[0];
  };
  for (const address of ["127.0.0.2", "127.0.0.3"]) {
    assert((await from(address)).successful);
    const reply = await from(address);
    assertEquals(handshakeRefused(reply), "address.connections");
  }
});
