/** `/meta/disconnect` (Bayeux 4.7). */
import { assertEquals, assertMatch } from "@std/assert";
import { test } from "../../harness.ts";
import { Peer, settle, World } from "./peer.ts";

test("a disconnect ends the session, and the connect that is held", async () => {
  await using world = new World();
  const dropped: string[] = [];
  world.engine.on("drop", (_, reason) => dropped.push(reason));
  const peer = await Peer.connected(world, "/a");
  const held = peer.connect();
  await settle();
  const message = peer.message("/meta/disconnect");
  assertEquals(await peer.send(message), [
    { channel: "/meta/disconnect", id: message.id, successful: true },
  ]);
  const [reply] = await held;
  assertEquals(reply.channel, "/meta/connect");
  assertEquals(reply.advice.reconnect, "none");
  assertEquals(dropped, ["left"]);
  assertEquals(world.engine.connections.size, 0);
  assertMatch((await peer.connect())[0].error, /^402:/);
});

test("what comes after a disconnect in its request has no session", async () => {
  await using world = new World();
  const peer = await Peer.connected(world, "/a");
  const replies = await peer.send(
    peer.message("/a", { data: 1 }),
    peer.message("/meta/disconnect"),
    peer.message("/a", { data: 2 }),
  );
  assertEquals(replies.map(({ successful }) => successful), [
    true,
    true,
    false,
  ]);
  assertMatch(replies[2].error, /^402:/);
});

test("a disconnect without a session is answered with 402", async () => {
  await using world = new World();
  const peer = new Peer(world);
  peer.clientId = "nobody";
  const [reply] = await peer.send(peer.message("/meta/disconnect"));
  assertEquals(reply.error, "402:nobody:Unknown client");
});
