/** The ack extension: numbers of replies, and what comes again. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { test } from "../../harness.ts";
import { dataOf, Peer, type Reply, settle, World } from "./peer.ts";

/** A client with the extension, as CometD's is: it says the last number it saw. */
class AckPeer extends Peer {
  batch = 0;

  static async begin(world: World, ...channels: string[]): Promise<AckPeer> {
    const peer = new AckPeer(world);
    const reply = await peer.handshake({ ext: { ack: true } });
    assertEquals(reply.ext, { ack: true });
    await peer.subscribe(channels);
    await peer.heard();
    return peer;
  }

  /** Connects, and hears the answer. */
  async heard(): Promise<Reply[]> {
    return this.hear(await this.lost());
  }

  /** Connects, and the answer is lost. */
  lost(): Promise<Reply[]> {
    return this.connect({ ext: { ack: this.batch } });
  }

  hear(messages: Reply[]): Reply[] {
    this.batch = messages.at(-1).ext.ack;
    return messages;
  }
}

test("every connect reply has the next number", async () => {
  await using world = new World();
  const peer = await AckPeer.begin(world, "/a");
  assertEquals(peer.batch, 1);
  for (let i = 2; i < 5; i++) {
    await world.engine.publish("a", i);
    const [event, reply] = await peer.heard();
    assertEquals(event, { channel: "/a", data: i });
    assertEquals(reply.ext, { ack: i });
  }
});

test("ack: false, or none, is no extension", async () => {
  await using world = new World();
  for (const ack of [false, undefined, 1, "true", null]) {
    const reply = await new Peer(world).handshake({ ext: { ack } });
    assert(reply.successful);
    assertEquals(reply.ext, undefined);
  }
  const reply = await new Peer(world).handshake({
    ext: { ack: { enabled: true } },
  });
  assertEquals(reply.ext, { ack: true });
});

test("what is not acknowledged comes again at once, before what is new", async () => {
  await using world = new World();
  const peer = await AckPeer.begin(world, "/a");
  await world.engine.publish("a", 1);
  assertEquals(dataOf(await peer.lost()), [1]);
  assertEquals(dataOf(await peer.lost()), [1]);
  await world.engine.publish("a", 2);
  const heard = await peer.heard();
  assertEquals(dataOf(heard), [1, 2]);
  assertEquals(heard.at(-1).ext, { ack: 4 });
  const held = peer.lost();
  await settle();
  await world.engine.publish("a", 3);
  assertEquals(dataOf(await held), [3]);
});

test("a reply that came after all is acknowledged, though a later one was lost", async () => {
  await using world = new World();
  const peer = await AckPeer.begin(world, "/a");
  await world.engine.publish("a", 1);
  const first = await peer.lost();
  await world.engine.publish("a", 2);
  assertEquals(dataOf(await peer.lost()), [1, 2]);
  peer.hear(first);
  assertEquals(dataOf(await peer.lost()), [2]);
});

test("events come with connect replies only", async () => {
  await using world = new World();
  const peer = await AckPeer.begin(world, "/a");
  assertEquals((await peer.publish("/a", 1)).length, 1);
  assertEquals(dataOf(await peer.heard()), [1]);
});

test("a number that was never given acknowledges nothing", async () => {
  await using world = new World();
  const peer = await AckPeer.begin(world, "/a");
  await world.engine.publish("a", 1);
  await peer.lost();
  for (const ack of [99, -1, "2", null, undefined, {}]) {
    assertEquals(dataOf(await peer.connect({ ext: { ack } })), [1]);
  }
});

test("a client that never acknowledges costs no more and loses nothing", async () => {
  await using world = new World();
  const peer = await AckPeer.begin(world, "/a");
  await world.engine.publish("a", 1);
  let last: Reply[] = [];
  for (let i = 0; i < 200; i++) last = await peer.lost();
  assertEquals(dataOf(last), [1]);
  peer.hear(last);
  const held = peer.lost();
  await settle();
  await world.engine.publish("a", 2);
  assertEquals(dataOf(await held), [2]);
});

test("what is unacknowledged goes with its session", async () => {
  await using world = new World({ maxInterval: 5_000 });
  const peer = await AckPeer.begin(world, "/a");
  await world.engine.publish("a", 1);
  await peer.lost();
  await world.pass(7_000);
  assertMatch((await peer.lost())[0].error, /^402:/);
  peer.batch = 0;
  await peer.handshake({ ext: { ack: true } });
  await peer.subscribe("/a");
  assertEquals(dataOf(await peer.heard()), []);
});
