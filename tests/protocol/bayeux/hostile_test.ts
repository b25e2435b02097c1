/** Whatever is sent is answered without a 5xx, and changes nothing. */
import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@^4.10.0";
import { test } from "../../harness.ts";
import { Peer, type Reply, World } from "./peer.ts";

/** Sends a body; the answer is one, and the server says nothing of a failure. */
async function answered(world: World, body: string): Promise<number> {
  const response = await new Peer(world).post(body);
  assert(response.status < 500, `${response.status}: ${body.slice(0, 80)}`);
  if (response.status === 200) {
    const replies: Reply[] = await response.json();
    assert(Array.isArray(replies) && replies.length > 0);
    for (const reply of replies) {
      assertEquals(typeof reply.successful, "boolean", JSON.stringify(reply));
      assertEquals("data" in reply, false);
    }
  } else await response.body?.cancel();
  assertEquals(world.errors, []);
  return response.status;
}

test("bodies that are no messages are answered", async () => {
  await using world = new World();
  for (const item of ["null", "[]", "1", '"x"', "true", "[[]]", "{}", "-0"]) {
    assertEquals(await answered(world, `[${item}]`), 200);
  }
  assertEquals(await answered(world, "{}"), 200);
  for (const body of ["\0", "\ufeff[]", "[1,]", "NaN", "[{'a':1}]", "%%%"]) {
    assertEquals(await answered(world, body), 400);
  }
});

test("deep nesting is answered", async () => {
  await using world = new World();
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  const nested = `${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}`;
  for (const data of [deep, nested]) {
    await answered(world, data);
    await answered(world, `[{"channel":"/a","data":${data}}]`);
    await answered(world, `[{"channel":"/a","data":1,"ext":${data}}]`);
    await answered(world, `[{"channel":${data}}]`);
    await answered(
      world,
      `[{"channel":"/meta/subscribe","subscription":${data}}]`,
    );
  }
});

test("10 MB are refused, and their sender hears it", async () => {
  await using world = new World();
  const body = `[{"channel":"/a","data":"${"x".repeat(10_000_000)}"}]`;
  assertEquals(await answered(world, body), 413);
});

test("channels that nearly are the protocol's own are none of them", async () => {
  await using world = new World();
  const before = world.engine.connections.size;
  for (
    const channel of [
      "/meta/handshake/",
      "/meta/handshake/x",
      "/meta/Handshake",
      "/META/handshake",
      "/meta/handshake ",
      "//meta/handshake",
      "/meta//handshake",
      "/meta/subscribe/x",
      "/meta/subscribe*",
      "/meta/publish",
      "/meta/",
      "/meta",
      "/meta/*",
      "/meta/**",
      "meta/handshake",
    ]
  ) {
    const body = {
      channel,
      version: "1.0",
      supportedConnectionTypes: ["long-polling"],
      subscription: "/a",
      data: 1,
    };
    const [reply] = await new Peer(world).send(body);
    // `/META/handshake` is a channel like any other.
    const plain = channel.startsWith("/META");
    assertEquals(reply.successful, plain, channel);
    assertEquals(reply.clientId, undefined);
  }
  assertEquals(world.engine.connections.size, before);
  assertEquals(world.engine.channels, ["META/handshake"]);
});

test("names of prototypes are names like any other", async () => {
  await using world = new World();
  const names = ["__proto__", "constructor", "prototype", "hasOwnProperty"];
  for (const name of names) {
    const peer = await Peer.connected(world, `/${name}`);
    const [reply, event] = await peer.publish(`/${name}`, name, { id: name });
    assertEquals(reply, { channel: `/${name}`, id: name, successful: true });
    assertEquals(event, { channel: `/${name}`, data: name });
    const [unknown] = await peer.connect({ clientId: name });
    assertEquals(unknown.successful, false);
    const body = `[{"channel":"/a","id":"1","${name}":{"channel":"/b"}}]`;
    assertEquals(await answered(world, body), 200);
  }
  assertEquals(({} as { channel?: unknown }).channel, undefined);
});

test("anything in any field is answered", async () => {
  await using world = new World();
  const peer = await Peer.connected(world);
  const fields = [
    "channel",
    "id",
    "clientId",
    "version",
    "minimumVersion",
    "supportedConnectionTypes",
    "connectionType",
    "subscription",
    "data",
    "ext",
    "advice",
    "timestamp",
    "successful",
  ];
  const likely = fc.constantFrom<unknown>(
    "/meta/handshake",
    "/meta/connect",
    "/meta/subscribe",
    "/meta/unsubscribe",
    "/service/x",
    "/a",
    "/a/**",
    "1.0",
    "long-polling",
    ["long-polling"],
    { timeout: 0 },
    { timesync: { tc: 1 }, ack: 0 },
    peer.clientId,
  );
  const value = fc.oneof(likely, fc.jsonValue());
  const record = fc.dictionary(fc.constantFrom(...fields), value);
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 2, maxLength: 5 }), async (
      messages,
    ) => {
      const response = await peer.post(JSON.stringify(messages));
      assertEquals(response.status, 200);
      await response.json();
      assertEquals(world.errors, []);
    }),
    { numRuns: 500 },
  );
});
