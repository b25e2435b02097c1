/** Going on where one was: across clients, transports and listeners (N6, O3, O7). */
import { assert, assertEquals } from "@std/assert";
import type { Message } from "../../client.ts";
import { test } from "../harness.ts";
import { once, record, until, World } from "./world.ts";

const transports = ["stream", "sse", "poll"] as const;

/** Publishes `count` numbers to `channel`, from `first` on; returns their ids. */
async function publish(
  world: World,
  channel: string,
  first: number,
  count: number,
): Promise<string[]> {
  const ids: string[] = [];
  for (let n = first; n < first + count; n++) {
    ids.push(await world.engine.publish(channel, n));
  }
  return ids;
}

/** The numbers from `first` on. */
function numbers(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, n) => first + n);
}

for (const before of transports) {
  for (const after of transports) {
    test(`a cursor that was kept goes on from ${before} to ${after}`, async () => {
      await using world = await World.start();
      const first = world.client({ transport: before });
      const got: unknown[] = [];
      first.subscribe("a", (data) => got.push(data));
      await once(first, "open");
      await publish(world, "a", 0, 5);
      await until(() => got.length === 5);
      const { cursor } = first;
      first.close();
      await publish(world, "a", 5, 5);
      const second = world.client({ transport: after, since: cursor! });
      assertEquals(second.cursor, cursor);
      const events = record(second);
      second.subscribe("a", (data) => got.push(data));
      await until(() => got.length === 10);
      await publish(world, "a", 10, 5);
      await until(() => got.length === 15);
      assertEquals(got, numbers(0, 15));
      assertEquals(events.reset, []);
    });
  }

  test(`a client on ${before} starts at the present, or with all that is held`, async () => {
    await using world = await World.start();
    await publish(world, "a", 0, 3);
    const late = world.client({ transport: before });
    const all = world.client({ transport: before, since: "earliest" });
    const present: unknown[] = [];
    const everything: unknown[] = [];
    const events = record(all);
    late.subscribe("a", (data) => present.push(data));
    all.subscribe("a", (data) => everything.push(data));
    await Promise.all([once(late, "open"), once(all, "open")]);
    await until(() => everything.length === 3);
    await publish(world, "a", 3, 1);
    await until(() => everything.length === 4 && present.length === 1);
    assertEquals(everything, [0, 1, 2, 3]);
    assertEquals(present, [3]);
    assertEquals(events.reset, []);
  });

  test(`on ${before} each listener gets what is after its own start, once`, async () => {
    await using world = await World.start();
    const a = await publish(world, "a", 0, 10);
    await publish(world, "b", 0, 10);
    const client = world.client({ transport: before });
    const events = record(client);
    const now: unknown[] = [];
    const five: unknown[] = [];
    const all: unknown[] = [];
    const pattern: Message[] = [];
    client.subscribe("a", (data) => now.push(data));
    client.subscribe("a", (data) => five.push(data), { since: a[4]! });
    await until(() => five.length === 5);
    await publish(world, "a", 10, 2);
    await until(() => now.length === 2);
    client.subscribe("b", (data) => all.push(data), { since: "earliest" });
    client.subscribe("*", (_, message) => pattern.push(message), {
      since: a[7]!,
    });
    await until(() => all.length === 10);
    await publish(world, "a", 12, 1);
    await publish(world, "b", 10, 1);
    await until(() => now.length === 3 && all.length === 11);
    await until(() => pattern.length === 16);
    assertEquals(now, [10, 11, 12]);
    assertEquals(five, numbers(5, 8));
    assertEquals(all, numbers(0, 11));
    const of = (channel: string) =>
      pattern.filter((m) => m.channel === channel).map((m) => m.data);
    assertEquals(of("a"), numbers(8, 5));
    assertEquals(of("b"), numbers(0, 11));
    assertEquals([events.reset, events.reconnect], [[], []]);
  });

  test(`a reset on ${before} names the subscription whose log no longer reaches back`, async () => {
    await using world = await World.start({ history: { frames: 3 } });
    const [id] = await publish(world, "a/b", 0, 10);
    await publish(world, "c", 0, 2);
    const client = world.client({ transport: before, since: id! });
    const events = record(client);
    const got: unknown[] = [];
    client.subscribe("a/*", (data) => got.push(data));
    client.subscribe("c", (data) => got.push(data));
    await until(() => got.length === 5);
    assertEquals(got, [7, 8, 9, 0, 1]);
    assertEquals(events.reset.map(({ channel }) => channel), ["a/*"]);
    await publish(world, "c", 2, 1);
    await until(() => got.length === 6);
    assertEquals(events.reset.length, 1);
  });
}

test("a start in another order is told to its listener alone, and the rest goes on", async () => {
  await using world = await World.start();
  const client = world.client();
  const events = record(client);
  const a: unknown[] = [];
  const b: unknown[] = [];
  client.subscribe("a", (data) => a.push(data));
  await once(client, "open");
  await publish(world, "b", 0, 1);
  await publish(world, "a", 0, 1);
  await until(() => a.length === 1);
  client.subscribe("b", (data) => b.push(data), { since: "other-7" });
  await once(client, "open");
  await publish(world, "a", 1, 1);
  await publish(world, "b", 1, 1);
  await until(() => a.length === 2 && b.length === 1);
  assertEquals([a, b], [[0, 1], [1]]);
  assertEquals(events.reset.map(({ channel }) => channel), ["b"]);
});

test("a cursor of another order is a reset for all, then it goes on at the present", async () => {
  await using world = await World.start();
  await publish(world, "a", 0, 3);
  for (const transport of transports) {
    const client = world.client({ transport, since: "other-7" });
    const events = record(client);
    const got: unknown[] = [];
    client.subscribe("a", (data) => got.push(data));
    await once(client, "reset");
    await until(() => client.cursor?.startsWith("other") === false);
    await world.engine.publish("a", transport);
    await until(() => got.length === 1);
    assertEquals(got, [transport]);
    assertEquals(events.reset.map(({ channel }) => channel), [undefined]);
    client.close();
  }
});

test("a cut in the middle of what was asked for again goes on there", async () => {
  await using world = await World.start({ history: { frames: 5_000 } });
  const data = "x".repeat(2_000);
  for (let n = 0; n < 500; n++) await world.engine.publish("a", { n, data });
  const client = world.client({ transport: "stream" });
  const events = record(client);
  const now: unknown[] = [];
  client.subscribe("b", (data) => now.push(data));
  await once(client, "open");
  const got: number[] = [];
  client.subscribe("a", (data) => {
    const { n } = data as { n: number };
    got.push(n);
    if (n % 150 === 0) world.cut();
  }, { since: "earliest" });
  await until(() => got.length >= 500);
  await world.engine.publish("b", 1);
  await until(() => now.length === 1);
  assertEquals(got, numbers(0, 500));
  assertEquals(now, [1]);
  assertEquals(events.reset, []);
  assert(events.reconnect.length >= 1);
});

/** Numbers that look random and are the same every time (mulberry32). */
function seeded(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

for (const transport of ["stream", "sse", "poll", "auto"] as const) {
  test(`on ${transport} no listener misses or repeats anything, whatever the network and the others do`, async () => {
    for (let seed = 1; seed <= 6; seed++) {
      const random = seeded(seed);
      await using world = await World.start({ history: { frames: 1e5 } });
      const client = world.client({ transport, openTimeout: 200 });
      const events = record(client);
      const channels = ["a", "b", "c/d"];
      /** What was published, oldest first. */
      const published: Message[] = [];
      interface Ear {
        name: string;
        since: number;
        got: string[];
        off: () => void;
        end: number;
      }
      const ears: Ear[] = [];
      const covers = (name: string, channel: string) =>
        name === "**" || name === channel;
      const listen = (name: string, from?: number) => {
        const got: string[] = [];
        const since = from === undefined ? undefined : published[from]?.id;
        const off = client.subscribe(
          name,
          (_, { id }) => got.push(id),
          since ? { since } : {},
        );
        ears.push({ name, since: from ?? -1, got, off, end: -1 });
      };
      listen("a");
      await once(client, "open");
      world.front = async (seen, pass) => {
        const fate = seen.method === "GET" ? random(8) : 7;
        if (fate === 0) return new Response(null, { status: 503 });
        if (fate === 1) {
          await (await pass()).body?.cancel();
          return new Response("{");
        }
        return await pass();
      };
      for (let n = 0; n < 300; n++) {
        const channel = channels[random(channels.length)]!;
        const id = await world.engine.publish(channel, n);
        published.push({ channel, id, data: n });
        if (random(30) === 0) world.cut();
        if (random(15) === 0) {
          const name = ["a", "b", "c/d", "**"][random(4)]!;
          // One without a start begins wherever the client stands: not checked here.
          listen(name, random(published.length));
        }
        if (random(20) === 0 && ears.length > 1) {
          const ear = ears[1 + random(ears.length - 1)]!;
          ear.off();
          if (ear.end < 0) ear.end = published.length;
        }
        if (random(4) === 0) {
          await new Promise((resolve) => setTimeout(resolve, random(3)));
        }
      }
      const wanted = (ear: Ear) =>
        published.filter(({ channel }, at) =>
          at > ear.since && covers(ear.name, channel)
        ).map(({ id }) => id);
      const live = ears.filter(({ end }) => end < 0);
      await until(() =>
        live.every((ear) => ear.got.length >= wanted(ear).length)
      );
      for (const ear of ears) {
        const all = wanted(ear);
        const part = ear.end < 0 ? all : all.slice(0, ear.got.length);
        const at = part.findIndex((id, at) => ear.got[at] !== id);
        const what = `seed ${seed}, ${ear.name} from ${ear.since}: ` +
          `${ear.got[at]} instead of ${part[at]} at ${at}`;
        assert(at < 0 && ear.got.length === part.length, what);
      }
      assertEquals(events.reset, []);
    }
  });
}
