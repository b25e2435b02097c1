/** The clients of CometD and Faye on a wire that loses answers and connections. */
import { assert, assertEquals } from "@std/assert";
import { test } from "../../../harness.ts";
import { until } from "../../../http/halley.ts";
import { Client, type Served, start, Wire } from "./client.ts";

/** Waits until every client's connect is held. */
async function held({ engine }: Served): Promise<void> {
  await until(() =>
    engine.connections.size > 0 &&
    [...engine.connections.values()].every(({ sink }) => sink)
  );
}

for (
  const [library, options] of [
    ["cometd9", {}],
    ["cometd5", {}],
    ["faye", {}],
    ["cometd9", { extensions: ["Ack"] }],
    ["cometd8", { extensions: ["Ack"] }],
  ] as const
) {
  const how = "extensions" in options ? "with acknowledgements" : "without";
  test(`${library} ${how} hears once what was in an answer that was lost`, async () => {
    await using halley = await start();
    await using wire = await Wire.lay(halley.port);
    await using client = await Client.start(library, wire.url, options);
    await client.do("subscribe", "/a");
    await held(halley);
    for (let i = 0; i < 3; i++) {
      wire.lose(`"lost ${i}"`);
      await halley.engine.publish("a", `lost ${i}`);
      await until(() => wire.lost === i + 1);
      await halley.engine.publish("a", `after ${i}`);
      await client.hears(2 * i + 2);
      await held(halley);
    }
    assertEquals(
      await client.hears(6),
      [0, 1, 2].flatMap((i) => [`lost ${i}`, `after ${i}`]),
    );
    // One session all the time.
    assertEquals(halley.engine.connections.size, 1);
    await halley.engine.publish("a", "end");
    await client.hears(7);
    assertEquals(client.events.length, 7);
  });
}

for (const library of ["cometd9", "cometd3", "faye"] as const) {
  test(`${library} comes back after every connection was cut, and hears all`, async () => {
    await using halley = await start();
    await using wire = await Wire.lay(halley.port);
    await using client = await Client.start(library, wire.url);
    await client.do("subscribe", "/a");
    await held(halley);
    const [id] = halley.engine.connections.keys();
    for (let i = 0; i < 3; i++) {
      wire.cut();
      await until(() => !halley.engine.connections.get(id!)?.sink);
      await halley.engine.publish("a", i);
      await client.hears(i + 1);
      await held(halley);
    }
    assertEquals(await client.hears(3), [0, 1, 2]);
    assertEquals([...halley.engine.connections.keys()], [id]);
  });

  test(`${library} begins anew after its session has expired`, async () => {
    await using halley = await start();
    const { engine } = halley;
    await using client = await Client.start(library, halley.url);
    await client.do("subscribe", "/a");
    for (let i = 0; i < 2; i++) {
      await held(halley);
      const [id] = engine.connections.keys();
      engine.drop(id!, "expired");
      await until(() =>
        [...engine.connections.values()].some(({ channels, sink }) =>
          channels.includes("a") && sink
        )
      );
      assert(!engine.connections.has(id!));
      await engine.publish("a", i);
      assertEquals(await client.hears(i + 1), [0, 1].slice(0, i + 1));
    }
  });
}

test("faye's message whose answer was lost is published once", async () => {
  await using halley = await start();
  await using wire = await Wire.lay(halley.port);
  await using client = await Client.start("faye", wire.url);
  await client.do("subscribe", "/a");
  await held(halley);
  for (let i = 0; i < 2; i++) {
    wire.lose(`"channel":"/b"`);
    const answer = await client.do("publish", "/b", i);
    assertEquals(answer, { successful: true });
    assertEquals(wire.lost, i + 1);
  }
  const { frames } = await halley.engine.history("b");
  assertEquals(frames.map(({ data }) => data), ["0", "1"]);
});

test("a server that is started anew has its clients begin anew", async () => {
  await using first = await start();
  await using second = await start();
  let { port } = first;
  await using wire = await Wire.lay(() => port);
  await using client = await Client.start("cometd9", wire.url);
  await client.do("subscribe", "/a");
  await held(first);
  port = second.port;
  wire.cut();
  await until(() =>
    [...second.engine.connections.values()].some(({ channels }) =>
      channels.includes("a")
    )
  );
  await second.engine.publish("a", "here");
  assertEquals(await client.hears(1), ["here"]);
  assertEquals(client.handshakes.length, 2);
});
