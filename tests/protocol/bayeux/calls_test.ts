/** Service channels and remote calls: what is between a client and the server. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { PushError } from "../../../src/errors.ts";
import { test } from "../../harness.ts";
import { Peer, type Reply, settle, World } from "./peer.ts";

/** The events that a client gets within its next answers. */
async function eventsOf(peer: Peer): Promise<Reply[]> {
  return (await peer.poll()).slice(0, -1);
}

test("a remote call is answered with what its handler returns, under its id", async () => {
  await using world = new World({
    calls: { sum: (data) => (data as number[]).reduce((a, b) => a + b) },
  });
  const peer = await Peer.connected(world);
  const message = peer.message("/service/sum", { data: [1, 2, 3] });
  const [reply, ...rest] = await peer.send(message);
  assertEquals(reply, {
    channel: "/service/sum",
    id: message.id,
    successful: true,
  });
  const events = [...rest, ...await eventsOf(peer)];
  assertEquals(events, [{
    channel: "/service/sum",
    data: 6,
    id: message.id,
    successful: true,
  }]);
});

test("an answer that takes its time ends the wait of a held connect", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  await using world = new World({ calls: { slow: () => promise } });
  const peer = await Peer.connected(world);
  const held = peer.connect();
  await settle();
  const [reply] = await peer.publish("/service/slow", null);
  assert(reply.successful);
  resolve("done");
  assertEquals((await held)[0].data, "done");
});

test("a handler that throws fails the call; only a PushError says why", async () => {
  await using world = new World({
    calls: {
      refused: () => {
        throw new PushError("not_found", "There is no such thing.");
      },
      broken: () => Promise.reject(new Error("a secret")),
    },
  });
  const peer = await Peer.connected(world);
  for (
    const [target, data] of [
      ["refused", { code: "not_found", message: "There is no such thing." }],
      ["broken", { code: "internal", message: "Something went wrong here." }],
    ] as const
  ) {
    const [, ...rest] = await peer.publish(`/service/${target}`, 1);
    const [event] = [...rest, ...await eventsOf(peer)];
    assertEquals([event.successful, event.data], [false, data]);
  }
  assertEquals(world.errors, ["Error: a secret"]);
});

test("a handler learns who calls, and answers when and as often as it likes", async () => {
  await using world = new World({
    calls: {
      "chat/rooms": (data, { connection, target, ext }) => {
        void world.engine.sendTo(connection.id, "service/rooms", [
          data,
          target,
          ext,
        ]);
        void world.engine.sendTo(connection.id, "chat", "besides");
      },
    },
  });
  const peer = await Peer.connected(world);
  const ext = { token: 1 };
  const [, ...rest] = await peer.publish("/service/chat/rooms", "x", { ext });
  assertEquals([...rest, ...await eventsOf(peer)], [
    { channel: "/service/rooms", data: ["x", "chat/rooms", ext] },
    { channel: "/chat", data: "besides" },
  ]);
});

test("a service that is not there is answered with 404", async () => {
  await using world = new World({ calls: { there: () => 1 } });
  const peer = await Peer.connected(world);
  for (const target of ["elsewhere", "constructor", "toString", "__proto__"]) {
    const [reply] = await peer.publish(`/service/${target}`, 1);
    assertEquals(reply.error, `404:/service/${target}:Unknown service`);
  }
});

test("a message to a service reaches no subscriber, however it is subscribed to", async () => {
  const got: unknown[] = [];
  await using world = new World({
    calls: { x: (data) => void got.push(data) },
  });
  const listener = await Peer.connected(world, "/**", "/service/**");
  const seen: string[] = [];
  world.engine.on("message", ({ channel }) => seen.push(channel));
  const peer = await Peer.connected(world, "/service/x");
  await peer.publish("/service/x", "secret");
  assertEquals(got, ["secret"]);
  assertEquals(seen, []);
  assertEquals(await eventsOf(listener), []);
});

test("what natives publish to service/… or meta/… reaches no Bayeux client", async () => {
  await using world = new World();
  const peer = await Peer.connected(world, "/**");
  for (const name of ["service/x", "meta/connect", "meta"]) {
    await world.engine.publish(name, 1);
  }
  await world.engine.sendToAll("meta/handshake", 1);
  await world.engine.publish("services", 2);
  assertEquals(await eventsOf(peer), [{ channel: "/services", data: 2 }]);
});

test("calling takes a session, and the right to publish to the service", async () => {
  await using world = new World({ calls: { x: () => 1, y: () => 1 } }, {
    policy: { allow: (_, name) => name !== "service/x" },
  });
  const peer = await Peer.connected(world);
  assertMatch((await peer.publish("/service/x", 1))[0].error, /^403:/);
  assert((await peer.publish("/service/y", 1))[0].successful);
  peer.clientId = "";
  assertMatch((await peer.publish("/service/y", 1))[0].error, /^402:/);
});

test("a call that is repeated is done once", async () => {
  let count = 0;
  await using world = new World({ calls: { x: () => ++count } });
  const peer = await Peer.connected(world);
  const message = peer.message("/service/x", { data: 1 });
  for (let i = 0; i < 3; i++) assert((await peer.send(message))[0].successful);
  assertEquals(count, 1);
});

test("the answer to a caller that has gone is no fault", async () => {
  const { promise, resolve } = Promise.withResolvers<number>();
  await using world = new World({ calls: { x: () => promise } });
  const peer = await Peer.connected(world);
  await peer.publish("/service/x", 1);
  await peer.send(peer.message("/meta/disconnect"));
  resolve(1);
  await settle();
  assertEquals(world.errors, []);
});
