/** Sessions live on a node: who is sent to another one tells the operator. */
import { assertEquals, assertMatch } from "@std/assert";
import { newKey } from "../../../src/key.ts";
import { test } from "../../harness.ts";
import { Peer, World } from "./peer.ts";

/** A client whose session is elsewhere. */
async function stranger(world: World): Promise<void> {
  const peer = new Peer(world);
  peer.clientId = newKey();
  const [reply] = await peer.connect();
  assertMatch(reply.error, /^402:/);
}

test("more than three lost sessions in 10 s are told, with the cause", async () => {
  await using world = new World();
  for (let i = 0; i < 3; i++) await stranger(world);
  assertEquals(world.errors, []);
  await stranger(world);
  assertEquals(world.errors.length, 1);
  assertMatch(world.errors[0]!, /no session affinity/);
  // Once, not for each of them.
  for (let i = 0; i < 3; i++) await stranger(world);
  assertEquals(world.errors.length, 1);
});

test("lost sessions that are far between are nothing to tell", async () => {
  await using world = new World();
  for (let i = 0; i < 12; i++) {
    await stranger(world);
    await world.pass(4_000);
  }
  assertEquals(world.errors, []);
});

test("sessions that ended here were not lost on the way, and no id of ours is none", async () => {
  await using world = new World({ maxInterval: 1_000 });
  const peers: Peer[] = [];
  for (let i = 0; i < 8; i++) peers.push(await Peer.connected(world));
  await world.pass(3_000);
  for (const peer of peers) {
    assertMatch((await peer.connect())[0].error, /^402:/);
  }
  for (let i = 0; i < 8; i++) {
    const peer = new Peer(world);
    peer.clientId = `xj${i}`;
    await peer.connect();
  }
  assertEquals(world.errors, []);
});
