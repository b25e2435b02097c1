/** Attacks over Bayeux: whoever cannot get in tries to keep others out. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { manualClock, test } from "../harness.ts";
import { until } from "../http/halley.ts";
import { Raw, readAnswer } from "../http/sockets.ts";
import { served, SHAKE, Visitor } from "../protocol/bayeux/served.ts";

const at = (address: string) => ({ "x-forwarded-for": address });
const EVIL = at("192.0.2.66");

test("attack: messages that trickle and never end (slowloris)", async () => {
  const clock = manualClock();
  let begun = 0;
  const schedule = (ring: () => void, delay: number) => {
    if (delay === 7_000) begun++;
    return clock.schedule(ring, delay);
  };
  const own = { now: clock.now, schedule };
  await using halley = await served({ clock: own, bodyTimeout: 7_000 });
  const { cometd, port, engine } = halley;
  const head = "POST /push/cometd HTTP/1.1\r\nHost: localhost\r\n";
  const open: Raw[] = [];
  for (let n = 0; n < 50; n++) {
    const raw = await Raw.open(port);
    raw.send(
      n % 2
        ? `${head}Content-Length: 1000\r\n\r\n[{"chan`
        : `${head}Transfer-Encoding: chunked\r\n\r\n7\r\n[{"chan\r\n`,
    );
    open.push(raw);
  }
  await until(() => begun === 50);
  const visitor = await Visitor.welcome(cometd);
  await visitor.subscribe("/a");
  clock.advance(7_000);
  for (const raw of open) {
    await raw.until(() => readAnswer(raw.bytes) !== undefined);
    const { status, body } = readAnswer(raw.bytes)!;
    assertEquals([status, JSON.parse(body).code], [408, "request_timeout"]);
    raw.close();
  }
  assertEquals(engine.node.applied, 0);
  await engine.publish("a", "whole");
  assertEquals(await visitor.events(), ["whole"]);
});

test("attack: answers to connects that are never read (slow reading)", async () => {
  await using halley = await served({}, { maxInterval: 5_000, timeout: 1_000 });
  const { cometd, port, engine, clock } = halley;
  const reader = await Visitor.welcome(cometd);
  await reader.subscribe("/a");
  const stalled: Raw[] = [];
  for (let n = 0; n < 20; n++) {
    const eve = await Visitor.welcome(cometd);
    await eve.subscribe("/a");
    await eve.events();
    const body = JSON.stringify({
      channel: "/meta/connect",
      clientId: eve.clientId,
      connectionType: "long-polling",
    });
    const raw = await Raw.open(port);
    raw.socket.pause();
    raw.send(
      "POST /push/cometd HTTP/1.1\r\nHost: localhost\r\n" +
        `Content-Length: ${body.length}\r\n\r\n${body}`,
    );
    stalled.push(raw);
  }
  const parked = () =>
    [...engine.connections.values()].filter(({ sink }) => sink).length;
  await until(() => parked() === 20);
  const data = "x".repeat(200_000);
  for (let n = 0; n < 20; n++) {
    await engine.publish("a", data);
    // Who reads gets all of it meanwhile.
    assertEquals(await reader.events(), [data]);
    assert(engine.node.logs.memory <= engine.node.settings.limits.bytes);
  }
  assertEquals(parked(), 0);
  clock.advance(4_000);
  await reader.events();
  clock.advance(4_000);
  assertEquals(engine.connections.size, 1);
  for (const raw of stalled) raw.close();
});

test("attack: thousands of sessions from one address, and in one request", async () => {
  await using halley = await served({
    limits: { address: { connections: 100 } },
  });
  const { cometd, engine } = halley;
  const reader = await Visitor.welcome(cometd, at("192.0.2.1"));
  await reader.subscribe("/a");
  let refused = 0;
  const knock = async () => {
    const { successful, error } = await new Visitor(cometd, EVIL).handshake();
    if (successful) return;
    assertMatch(error, /^429::/);
    refused++;
  };
  for (let n = 0; n < 1_000; n += 50) {
    await Promise.all(Array.from({ length: 50 }, knock));
  }
  assertEquals([refused, engine.connections.size], [900, 101]);
  // Of many handshakes in a request only the first is one.
  const other = new Visitor(cometd, at("192.0.2.3"));
  const all = await other.send(...Array(1_000).fill(SHAKE));
  assertEquals([all.length, engine.connections.size], [1, 102]);
  await Visitor.welcome(cometd, at("192.0.2.2"));
  await engine.publish("a", 1);
  assertEquals(await reader.events(), [1]);
});

test("attack: sessions that are begun and left in a loop", async () => {
  await using halley = await served({ limits: { address: { opens: 20 } } });
  const { cometd, engine, clock } = halley;
  let refused = 0;
  for (let n = 0; n < 500; n++) {
    const eve = new Visitor(cometd, EVIL);
    if ((await eve.handshake()).successful) {
      if (n % 2) await eve.ask("/meta/disconnect");
    } else refused++;
  }
  assertEquals(refused, 400);
  assertEquals(engine.node.meters.refused.get("address.opens"), 400);
  await Visitor.welcome(cometd, at("192.0.2.1"));
  clock.advance(60_000);
  for (let n = 0; n < 3; n++) engine.sweep();
  assertEquals([engine.connections.size, engine.node.meters.size], [0, 0]);
});

test("attack: 1,000,000 channel names, in batches", async () => {
  await using halley = await served({
    limits: { logs: 20_000, bytes: 20_000_000 },
  });
  const { cometd, engine } = halley;
  const reader = await Visitor.welcome(cometd);
  await reader.subscribe("/news");
  const held = () => {
    assert(engine.channels.length <= 20_000);
    assert(engine.node.logs.memory <= 20_000_000);
  };
  const eve = new Visitor(cometd, EVIL);
  for (let n = 0; n < 100_000; n += 4_000) {
    const batch = Array.from({ length: 4_000 }, (_, k) => {
      return { channel: `/flood/${n + k}`, data: 1 };
    });
    await eve.send(...batch);
    held();
  }
  await engine.publish("news", 1);
  assertEquals(await reader.events(), [1]);
  // Whoever follows them, a hundred a session, is refused when all is full.
  const counts = { followed: 0, refused: 0 };
  for (let n = 0; n < 300; n++) {
    const one = await Visitor.welcome(cometd, EVIL);
    const names = Array.from({ length: 100 }, (_, k) => `/${n}/${k}`);
    // More than a session may have are none.
    const { error } = await one.subscribe([...names, "/more"]);
    assertMatch(error, /^403:/);
    const reply = await one.subscribe(names);
    if (reply.successful) counts.followed++;
    else {
      assertMatch(reply.error, /^429:5:/);
      counts.refused++;
    }
  }
  assertEquals(counts, { followed: 199, refused: 101 });
  held();
  await engine.publish("news", 2);
  assertEquals(await reader.events(), [2]);
});

test("attack: a publish storm, in batches and with endless names of senders", async () => {
  await using halley = await served({
    limits: { subject: { publishes: 10 }, address: { publishes: 20 } },
  });
  const { cometd, engine } = halley;
  const reader = await Visitor.welcome(cometd, at("192.0.2.1"));
  await reader.subscribe("/a");
  const storm = Array.from({ length: 1_000 }, (_, data) => {
    return { channel: "/b", data };
  });
  const taken = async (headers: Record<string, string>) => {
    const replies = await new Visitor(cometd, headers).send(...storm);
    assertEquals(replies.length, 1_000);
    return replies.filter(({ successful }) => successful).length;
  };
  assertEquals(await taken({ ...EVIL, "x-user": "eve" }), 50);
  // Under whatever names, there is one address.
  assertEquals(await taken({ ...EVIL, "x-user": "eve2" }), 0);
  const calm = await Visitor.welcome(cometd, at("192.0.2.2"));
  for (let n = 0; n < 20; n++) {
    assert((await calm.ask("/a", { data: n })).successful);
  }
  assertEquals(engine.node.applied, 70);
  assertEquals(await reader.events(), [...Array(20).keys()]);
});
