/** What a browser says of itself: the network, the eye, the end of a page. */
import { assert, assertEquals } from "@std/assert";
import type { ClientOptions } from "../../client.ts";
import { test } from "../harness.ts";
import { once, open, record, until, World } from "./world.ts";

/** Says to the page what browsers say. */
function say(type: string): void {
  globalThis.dispatchEvent(new Event(type));
}

test("online ends a wait, offline ends a stream", async () => {
  await using world = await World.start();
  const backoff = { min: 1e9, max: 1e9 };
  const client = world.client({ backoff });
  const events = record(client);
  world.front = () => new Response(null, { status: 502 });
  client.subscribe("a", () => {});
  await once(client, "reconnect");
  world.front = open;
  say("online");
  await once(client, "open");
  say("offline");
  assertEquals((await once(client, "reconnect")).code, "offline");
  say("online");
  await once(client, "open");
  assertEquals(events.open.length, 2);
});

test("a page that has lost the network before it is told so says offline, too", async () => {
  await using world = await World.start();
  const client = world.client({
    backoff: { min: 1e9, max: 1e9 },
    fetch: () => Promise.reject(new TypeError("failed to fetch")),
  });
  client.subscribe("a", () => {});
  assertEquals((await once(client, "reconnect")).code, "unreachable");
  using _page = said({ onLine: false });
  say("offline");
  assertEquals((await once(client, "reconnect")).code, "offline");
});

test("a page that is looked at again does not wait, and keeps a stream that lives", async () => {
  await using world = await World.start();
  const client = world.client({ backoff: { min: 1e9, max: 1e9 } });
  const events = record(client);
  world.front = () => new Response(null, { status: 502 });
  client.subscribe("a", () => {});
  await once(client, "reconnect");
  world.front = open;
  say("visibilitychange");
  await once(client, "open");
  say("visibilitychange");
  const got = once(client, "message");
  await client.publish("a", 1);
  await got;
  assertEquals(events.open.length, 1);
  assertEquals(world.asked().length, 2);
});

test("a page that goes says so, and comes back from the cache where it was", async () => {
  await using world = await World.start();
  const client = world.client();
  const got: unknown[] = [];
  client.subscribe("a", (data) => got.push(data));
  await once(client, "open");
  const { id } = client;
  const dropped = new Promise((resolve) =>
    world.engine.on("drop", ({ id }, reason) => resolve([id, reason]))
  );
  say("pagehide");
  assertEquals(client.state, "idle");
  assertEquals(await dropped, [id, "left"]);
  await world.engine.publish("a", 1);
  say("pageshow");
  await until(() => got.length === 1);
  assert(client.id !== id);
});

test("a page that goes sends a beacon, unless that cannot do or headers are needed", async () => {
  await using world = await World.start();
  const sent: string[] = [];
  let takes = true;
  const sendBeacon = (url: string) => {
    sent.push(url);
    return takes;
  };
  using _page = said({ sendBeacon });
  const left = async (options: ClientOptions) => {
    const client = world.client(options);
    client.subscribe("a", () => {});
    await once(client, "open");
    const { key } = world.engine.connections.get(client.id!)!;
    client.close();
    return key;
  };
  const leaves = () => world.seen.filter(({ path }) => path === "/$leave");
  const key = await left({});
  assertEquals(sent, [`${world.url}/$leave?key=${key}`]);
  takes = false;
  await left({});
  await until(() => leaves().length === 1);
  await left({ headers: { authorization: "x" } });
  await until(() => leaves().length === 2);
  assertEquals(sent.length, 2);
  assertEquals(leaves()[1]!.headers.get("authorization"), "x");
});

/** Has `navigator` say so for a while. */
function said(fields: Record<string, unknown>): Disposable {
  const { navigator } = globalThis as { navigator: object };
  const before = Object.entries(fields).map(([name, value]) => {
    const old = Object.getOwnPropertyDescriptor(navigator, name);
    Object.defineProperty(navigator, name, { value, configurable: true });
    return [name, old] as const;
  });
  return {
    [Symbol.dispose]() {
      for (const [name, old] of before) {
        if (old) Object.defineProperty(navigator, name, old);
        else Reflect.deleteProperty(navigator, name);
      }
    },
  };
}
