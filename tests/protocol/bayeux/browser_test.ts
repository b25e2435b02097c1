/** The cookie BAYEUX_BROWSER, and several clients in one browser (Bayeux 8.1). */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { test } from "../../harness.ts";
import { dataOf, Peer, settle, World } from "./peer.ts";

const SHAKE = JSON.stringify({
  channel: "/meta/handshake",
  version: "1.0",
  supportedConnectionTypes: ["long-polling"],
});

/** A second client in the same browser. */
async function another(peer: Peer, ...channels: string[]): Promise<Peer> {
  const other = new Peer(peer.world, peer.cookie);
  await other.handshake();
  await other.subscribe(channels);
  await other.connect();
  return other;
}

test("a handshake sets the cookie, to what it is if there is one", async () => {
  await using world = new World();
  const peer = new Peer(world);
  const first = await peer.post(SHAKE);
  assertMatch(
    first.headers.get("set-cookie")!,
    /^BAYEUX_BROWSER=[0-9A-Za-z]{24}; Path=\/; HttpOnly; SameSite=Lax$/,
  );
  const second = await peer.post(SHAKE);
  const again = second.headers.get("set-cookie");
  assertEquals(again, first.headers.get("set-cookie"));
  peer.cookie = "BAYEUX_BROWSER=made-up-by_a-proxy";
  const made = await peer.post(SHAKE);
  assertMatch(
    made.headers.get("set-cookie")!,
    /^BAYEUX_BROWSER=made-up-by_a-proxy; Path=\/;/,
  );
  const connect = await peer.post(
    JSON.stringify({ channel: "/meta/connect" }),
  );
  assertEquals(connect.headers.get("set-cookie"), null);
});

test("over TLS the cookie goes to pages of other sites too", async () => {
  await using world = new World();
  const request = new Request("https://halley/handshake", {
    method: "POST",
    body: SHAKE,
  });
  const response = await world.app.fetch(request);
  assertMatch(
    response.headers.get("set-cookie")!,
    /; HttpOnly; Secure; SameSite=None$/,
  );
});

test("a clientId from another browser is unknown; without any cookie it will do", async () => {
  await using world = new World();
  const peer = await Peer.connected(world);
  const thief = await Peer.connected(world);
  thief.clientId = peer.clientId;
  assertMatch((await thief.publish("/a", 1))[0].error, /^402:/);
  const cookie = peer.cookie!;
  peer.cookie = undefined;
  assert((await peer.publish("/a", 1))[0].successful);
  peer.cookie = `other=1; ${cookie}; more=2`;
  assert((await peer.publish("/a", 1))[0].successful);
});

test("one connect per browser is held; the others are told to ask now and then", async () => {
  await using world = new World();
  const one = await Peer.connected(world, "/a");
  const two = await another(one, "/a");
  const held = one.connect();
  await settle();
  const several = {
    reconnect: "retry",
    interval: 2_000,
    timeout: 30_000,
    "multiple-clients": true,
  };
  const [reply] = await two.connect();
  assertEquals(reply.advice, several);
  // It is told once.
  assertEquals((await two.connect())[0].advice, undefined);
  await world.engine.publish("a", 1);
  assertEquals(dataOf(await two.connect()), [1]);
  assertEquals(dataOf(await held), [1]);
  // The first has given its place back, and the second takes it.
  const taken = two.connect();
  await world.pass(30_000);
  const usual = { reconnect: "retry", interval: 0, timeout: 30_000 };
  assertEquals((await taken)[0].advice, usual);
});

test("the session of a client that asks now and then lives as long", async () => {
  await using world = new World({ maxInterval: 1_000 });
  const one = await Peer.connected(world);
  const two = await another(one);
  void one.connect();
  await settle();
  await two.connect();
  await world.pass(2_500);
  assert((await two.connect())[0].successful);
});

test("a client's second connect takes the place of its first, not another one's", async () => {
  await using world = new World();
  const one = await Peer.connected(world, "/a");
  const first = one.connect();
  await settle();
  const second = one.connect();
  await first;
  await settle();
  await world.engine.publish("a", 1);
  assertEquals(dataOf(await second), [1]);
});

test("as many are held as the option says, and a session that ends gives its place back", async () => {
  await using world = new World({ browser: { sessions: 2, interval: 500 } });
  const one = await Peer.connected(world);
  const [two, three] = [await another(one), await another(one)];
  const held = [one.connect(), two.connect()];
  await settle();
  assertEquals((await three.connect())[0].advice.interval, 500);
  await two.send(two.message("/meta/disconnect"));
  await held[1];
  const taken = three.connect();
  await world.pass(30_000);
  assertEquals((await taken)[0].advice["multiple-clients"], undefined);
});

test("with -1 any number is held", async () => {
  await using world = new World({ browser: { sessions: -1 } });
  const one = await Peer.connected(world, "/a");
  const all = [one];
  for (let i = 0; i < 5; i++) all.push(await another(one, "/a"));
  const held = all.map((peer) => peer.connect());
  await settle();
  await world.engine.publish("a", 1);
  for (const messages of await Promise.all(held)) {
    assertEquals(dataOf(messages), [1]);
  }
});
