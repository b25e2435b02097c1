/** Whose a session is, and until when. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { test } from "../../harness.ts";
import { Peer, settle, World } from "./peer.ts";

/** Whoever `ext` or a header says, until 10 s after the clock's beginning. */
const END = 1_010_000;
const WAYS = {
  ext: () => new World({ identify: () => ({ subject: "ann", expires: END }) }),
  policy: () => {
    let expires = END;
    return new World({ maxInterval: 60_000 }, {
      policy: {
        // Each request brings a token that is good for longer.
        identify: () => ({ subject: "ann", expires: expires++ }),
        allow: () => true,
      },
    });
  },
};

for (const [way, make] of Object.entries(WAYS)) {
  test(`a session ends with what its handshake said who it is by ${way}, whatever it does`, async () => {
    await using world = make();
    const peer = await Peer.connected(world, "/a");
    await world.pass(9_000);
    assert((await peer.publish("/a", 1))[0].successful);
    await world.pass(1_000);
    const asked = [
      peer.message("/a", { data: 2 }),
      peer.message("/meta/subscribe", { subscription: "/b" }),
      peer.message("/meta/connect", {
        connectionType: "long-polling",
        advice: { timeout: 0 },
      }),
    ];
    for (const message of asked) {
      const [reply] = await peer.send(message);
      assertMatch(reply.error, /^402:/, message.channel);
      assertEquals(reply.advice, { reconnect: "handshake", interval: 0 });
    }
    assertEquals(world.engine.node.applied, 1);
  });
}

test("a connect that is held ends with its session's identity", async () => {
  await using world = WAYS.ext();
  const peer = await Peer.connected(world, "/a");
  const held = peer.connect();
  await settle();
  await world.pass(10_000);
  const [reply] = await held;
  assertMatch(reply.error, /^402:/);
  assertEquals(reply.advice, { reconnect: "handshake", interval: 0 });
});

test("an identity that is over shakes no hands: later with a new one, or never", async () => {
  const given = { subject: "ann", issued: 999_000, expires: END };
  let identity = given;
  await using world = new World({ identify: () => identity });
  const { engine, clock } = world;
  assert((await new Peer(world).handshake()).successful);
  engine.dropSubject("ann");
  const kicked = await new Peer(world).handshake();
  assertMatch(kicked.error, /^403:/);
  assertEquals(kicked.advice.reconnect, "none");
  identity = { ...given, issued: 1_000_001 };
  assert((await new Peer(world).handshake()).successful);
  clock.advance(10_000);
  const late = await new Peer(world).handshake();
  assertMatch(late.error, /^401:/);
  assertEquals(late.advice.reconnect, "retry");
  assert(late.advice.interval >= 1_000);
  assertEquals(world.errors, []);
});

test("a session that ends while the policy decides publishes nothing and calls nobody", async () => {
  for (const end of ["drop", "dropSubject", "expires"] as const) {
    for (const channel of ["/a", "/service/a"]) {
      let held: (() => void) | undefined;
      const called: unknown[] = [];
      await using world = new World({
        calls: { a: (data) => called.push(data) },
        identify: () => ({ subject: "ann", expires: END }),
      }, {
        policy: { allow: () => new Promise((go) => held = () => go(true)) },
      });
      const { engine, clock } = world;
      const peer = new Peer(world);
      await peer.handshake();
      const asked = peer.publish(channel, 1);
      await settle();
      const [id] = engine.connections.keys();
      if (end === "drop") engine.drop(id!);
      else if (end === "dropSubject") engine.dropSubject("ann");
      else clock.advance(10_000);
      held!();
      const [{ error }] = await asked;
      assertMatch(error, /^40[12]:/, `${end} ${channel}`);
      assertEquals([engine.node.applied, called], [0, []]);
    }
  }
});
