/** Which transport is used: found out by what arrives, and nothing is lost meanwhile. */
import { assert, assertEquals } from "@std/assert";
import { test } from "../harness.ts";
import {
  type Front,
  held,
  once,
  open,
  record,
  type Seen,
  silence,
  until,
  World,
} from "./world.ts";

/** Holds back what `which` picks out: headers come, or nothing at all. */
function holding(which: (seen: Seen) => boolean, headers: boolean): Front {
  return (seen, pass) => {
    if (seen.method !== "GET" || !which(seen)) return pass();
    return headers ? held(pass) : silence();
  };
}

const streams = ({ query }: Seen) => query.get("transport") !== "poll";
const ndjson = ({ query }: Seen) => query.get("transport") === "stream";

test("auto takes the stream where nothing is in its way", async () => {
  await using world = await World.start();
  const client = world.client();
  client.subscribe("a", () => {});
  assertEquals((await once(client, "open")).transport, "stream");
  assertEquals(world.asked().length, 1);
});

for (const headers of [true, false]) {
  const what = headers ? "bodies" : "whole answers";
  test(`auto goes on to sse where ${what} of streams are held back`, async () => {
    await using world = await World.start();
    world.front = holding(ndjson, headers);
    const client = world.client({ openTimeout: 500 });
    const events = record(client);
    client.subscribe("a", () => {});
    assertEquals((await once(client, "open")).transport, "sse");
    assertEquals(events.reconnect.map(({ code }) => code), ["timeout"]);
    assertEquals(world.asked().length, 2);
  });

  test(`auto ends in polls where ${what} of both are held back`, async () => {
    await using world = await World.start();
    world.front = holding(streams, headers);
    const client = world.client({ openTimeout: 500 });
    const got: unknown[] = [];
    client.subscribe("a", (data) => got.push(data));
    assertEquals((await once(client, "open")).transport, "poll");
    for (const n of [1, 2, 3]) await client.publish("a", n);
    await until(() => got.length === 3);
    assertEquals(got, [1, 2, 3]);
  });
}

test("auto goes on where something else answers, or the answer ends without a frame", async () => {
  await using world = await World.start();
  const pages = ["<html>\n", ""];
  for (const page of pages) {
    world.front = (seen, pass) => streams(seen) ? new Response(page) : pass();
    const client = world.client();
    const events = record(client);
    client.subscribe("a", () => {});
    assertEquals((await once(client, "open")).transport, "poll");
    assertEquals(events.reconnect.length, 2);
    client.close();
  }
});

test("auto stays with its transport while the server is away", async () => {
  await using world = await World.start();
  world.front = () => new Response("Bad Gateway", { status: 502 });
  const client = world.client();
  client.subscribe("a", () => {});
  await once(client, "reconnect", ({ attempt }) => attempt === 5);
  world.front = open;
  assertEquals((await once(client, "open")).transport, "stream");
  assert(world.asked().every(ndjson));
});

test("auto comes back to the better transport, and nothing is lost or doubled", async () => {
  await using world = await World.start({ heartbeat: 100 });
  world.front = holding(streams, true);
  const client = world.client({ openTimeout: 30 });
  const events = record(client);
  const got: unknown[] = [];
  client.subscribe("a", (data) => got.push(data));
  await once(client, "open", ({ transport }) => transport === "poll");
  let published = 0;
  let publishing = true;
  const publisher = (async () => {
    while (publishing) {
      await world.engine.publish("a", ++published);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  // The better one is tried, and found out again.
  await until(() => world.asked("sse").length === 2);
  await once(client, "open", ({ transport }) => transport === "poll");
  world.front = open;
  await once(client, "open", ({ transport }) => transport === "sse");
  await once(client, "open", ({ transport }) => transport === "stream");
  publishing = false;
  await publisher;
  await until(() => got.length >= published);
  assertEquals(got, Array.from({ length: published }, (_, n) => n + 1));
  assertEquals(events.reset, []);
  const used = events.open.map(({ transport }) => transport);
  assertEquals(used.slice(0, 2), ["poll", "poll"]);
  // Where little time is left for each, one may be tried several times.
  const later = used.slice(2).filter((each) => each !== "poll");
  assertEquals([...new Set(later)], ["sse", "stream"]);
});

test("a transport that was chosen is kept, whatever comes through", async () => {
  await using world = await World.start();
  world.front = holding(streams, true);
  const client = world.client({ transport: "sse", openTimeout: 20 });
  const events = record(client);
  client.subscribe("a", () => {});
  await until(() => events.reconnect.length === 3);
  world.front = open;
  assertEquals((await once(client, "open")).transport, "sse");
  assertEquals(world.asked().length, world.asked("sse").length);
});
