/**
 * Tabs that share one connection: here in one process, with the runtime's Web Locks
 * (Deno) or others (Bun has none). Real tabs are in ../browser.
 */
import { assert, assertEquals } from "@std/assert";
import { test } from "../harness.ts";
import { Tab } from "./tabs.ts";
import { held, once, record, until, World } from "./world.ts";

/** Opens tabs that listen to `a`, and waits until all are connected. */
async function openTabs(world: World, count: number): Promise<Tab[]> {
  const tabs = Array.from({ length: count }, () => new Tab(world, "a"));
  await until(() => tabs.every(({ client }) => client.state === "open"));
  return tabs;
}

/** The tab that leads. */
function leaderOf(tabs: Tab[]): Tab {
  const leaders = tabs.filter(({ client }) => client.sharing === "leader");
  assertEquals(leaders.length, 1);
  return leaders[0]!;
}

/** The numbers from 1. */
function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, n) => n + 1);
}

test("ten tabs share one connection, and each gets every message once", async () => {
  await using world = await World.start();
  const tabs = await openTabs(world, 10);
  assertEquals(world.engine.connections.size, 1);
  const { client } = leaderOf(tabs);
  assertEquals(new Set(tabs.map(({ client }) => client.id)).size, 1);
  assert(tabs.every((tab) => tab.client.transport === client.transport));
  for (const n of upTo(20)) await world.engine.publish("a", n);
  await world.engine.sendTo(client.id!, "a", 21);
  await until(() => tabs.every(({ got }) => got.length === 21));
  for (const { got } of tabs) assertEquals(got, upTo(21));
  for (const tab of tabs) assertEquals(tab.client.cursor, client.cursor);
});

test("each tab hears its own channels; those that nobody wants are left", async () => {
  await using world = await World.start();
  const [a, b] = [new Tab(world, "a"), new Tab(world, "b/*")];
  await until(() => a.client.state === "open" && b.client.state === "open");
  const found = () => world.engine.connections.get(a.client.id!);
  await until(() => found()?.channels.length === 2);
  const connection = found();
  await world.engine.publish("a", 1);
  await world.engine.publish("b/c", 2);
  await until(() => a.got.length === 1 && b.got.length === 1);
  assertEquals([a.got, b.got], [[1], [2]]);
  b.client.close();
  await until(() => connection!.channels.length === 1);
  assertEquals(connection!.channels, ["a"]);
  assertEquals(connection!.ended, undefined);
});

test("a tab is open when somebody listens for it: nothing published from then on is missed", async () => {
  await using world = await World.start();
  const tabs: Tab[] = [];
  for (let n = 0; n < 8; n++) {
    const tab = new Tab(world, `own/${n}`);
    tabs.push(tab);
    // Every other one comes while the one before it still connects.
    if (n % 2) continue;
    await once(tab.client, "open");
    await world.engine.publish(`own/${n}`, n);
  }
  await until(() => tabs.every(({ client }) => client.state === "open"));
  for (const n of [1, 3, 5, 7]) await world.engine.publish(`own/${n}`, n);
  await until(() => tabs.every(({ got }) => got.length === 1));
  for (const [n, { got }] of tabs.entries()) assertEquals(got, [n]);
});

test("a follower publishes as the connection, and reads what is held for itself alone", async () => {
  await using world = await World.start();
  for (const n of upTo(5)) await world.engine.publish("a", n);
  const tabs = await openTabs(world, 3);
  const leader = leaderOf(tabs);
  const follower = tabs.find((tab) => tab !== leader)!;
  const old: unknown[] = [];
  follower.client.subscribe("a", (data) => old.push(data), {
    since: "earliest",
  });
  await until(() => old.length === 5);
  await follower.client.publish("a", 6);
  await until(() => old.length === 6 && tabs.every(({ got }) => got.length));
  assertEquals(old, upTo(6));
  for (const { got } of tabs) assertEquals(got, [6]);
  const { frames } = await world.engine.history("a", { limit: 1 });
  assertEquals(frames[0]!.from, leader.client.id);
});

test("a tab that comes with a kept cursor gets what it has missed, the others nothing twice", async () => {
  await using world = await World.start();
  const tabs = await openTabs(world, 2);
  const ids: string[] = [];
  for (const n of upTo(10)) ids.push(await world.engine.publish("a", n));
  await until(() => tabs.every(({ got }) => got.length === 10));
  const late = new Tab(world, "a", { since: ids[4]! });
  await until(() => late.got.length === 5);
  const stranger = new Tab(world, "a", { since: "other-1" });
  const events = record(stranger.client);
  await once(stranger.client, "reset");
  await world.engine.publish("a", 11);
  await until(() =>
    [...tabs, late, stranger].every(({ got }) => got.includes(11))
  );
  for (const { got } of tabs) assertEquals(got, upTo(11));
  assertEquals(late.got, [6, 7, 8, 9, 10, 11]);
  assertEquals(stranger.got, [11]);
  assertEquals(events.reset.length, 1);
});

test("when the leader goes, another goes on as the same connection, with nothing lost", async () => {
  await using world = await World.start();
  const tabs = await openTabs(world, 4);
  const [{ id } = { id: "" }] = [leaderOf(tabs).client];
  let published = 0;
  let publishing = true;
  const publisher = (async () => {
    while (publishing) {
      await world.engine.publish("a", ++published);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  const left: unknown[] = [];
  world.engine.on("drop", (_, reason) => left.push(reason));
  while (tabs.length > 1) {
    const leader = leaderOf(tabs);
    await until(() => leader.got.length > 20);
    leader.client.close();
    tabs.splice(tabs.indexOf(leader), 1);
    await until(() =>
      tabs.some(({ client }) =>
        client.sharing === "leader" && client.state === "open"
      )
    );
  }
  publishing = false;
  await publisher;
  const [last] = tabs;
  await until(() => last!.got.length >= published);
  assertEquals(last!.got, upTo(published));
  assertEquals(last!.client.id, id);
  assertEquals(left, []);
  last!.client.close();
  await until(() => left.length === 1);
  assertEquals(left, ["left"]);
});

test("a frozen leader loses its lock, and follows when it thaws; nothing is lost or doubled", async () => {
  await using world = await World.start();
  const tabs = await openTabs(world, 3);
  const frozen = leaderOf(tabs);
  const events = record(frozen.client);
  await world.engine.publish("a", 1);
  await until(() => tabs.every(({ got }) => got.length === 1));
  frozen.freeze();
  await world.engine.publish("a", 2);
  const others = tabs.filter((tab) => tab !== frozen);
  await until(() => others.every(({ got }) => got.length === 2));
  const leader = leaderOf(others);
  await world.engine.publish("a", 3);
  frozen.thaw();
  await until(() => frozen.client.sharing === "follower");
  await world.engine.publish("a", 4);
  await until(() => tabs.every(({ got }) => got.length === 4));
  for (const { got } of tabs) assertEquals(got, upTo(4));
  assertEquals(leaderOf(tabs), leader);
  assertEquals(events.reset, []);
});

test("a follower that was frozen gets what it has missed", async () => {
  await using world = await World.start();
  const tabs = await openTabs(world, 3);
  const leader = leaderOf(tabs);
  const frozen = tabs.find((tab) => tab !== leader)!;
  frozen.freeze();
  for (const n of upTo(5)) await world.engine.publish("a", n);
  await until(() => leader.got.length === 5);
  leader.client.close();
  const rest = tabs.filter((tab) => tab !== leader && tab !== frozen);
  await until(() => rest[0]!.client.sharing === "leader");
  await world.engine.publish("a", 6);
  await until(() => rest[0]!.got.length === 6);
  frozen.thaw();
  await until(() => frozen.got.length === 6);
  assertEquals(frozen.got, upTo(6));
});

test("tabs of another user, or of other cookies, do not share", async () => {
  await using world = await World.start();
  const tabs = [
    new Tab(world, "a"),
    new Tab(world, "a", { headers: { authorization: "ann" } }),
    new Tab(world, "a", { headers: { authorization: "bob" } }),
    new Tab(world, "a", { credentials: "include" }),
    new Tab(world, "a", { share: "ann", headers: () => ({}) }),
    new Tab(world, "a", { share: "bob", headers: () => ({}) }),
  ];
  await until(() => tabs.every(({ client }) => client.state === "open"));
  assert(tabs.every(({ client }) => client.sharing === "leader"));
  assertEquals(world.engine.connections.size, tabs.length);
});

test("a final refusal reaches every tab; what one leaves out lets the others go on", async () => {
  await using world = await World.start({
    policy: { allow: (_, name) => name !== "secret" },
  });
  const tabs = await openTabs(world, 3);
  const closed = tabs.map(({ client }) => once(client, "close"));
  const off = tabs[2]!.client.subscribe("secret", () => {});
  for (const event of await Promise.all(closed)) {
    assertEquals(event.code, "unauthorized");
  }
  off();
  await until(() => tabs.every(({ client }) => client.state === "open"));
});

test("tabs that come, go, freeze and thaw on a bad network miss and repeat nothing", async () => {
  await using world = await World.start({ history: { frames: 1e5 } });
  const tabs = await openTabs(world, 3);
  let published = 0;
  let publishing = true;
  const starts = new Map(tabs.map((tab) => [tab, 0]));
  const publisher = (async () => {
    while (publishing) {
      await world.engine.publish("a", ++published);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  let refused = 0;
  world.front = (seen, pass) =>
    seen.method === "GET" && ++refused % 5 === 0
      ? new Response(null, { status: 503 })
      : pass();
  const later = (ms: number) =>
    new Promise((resolve) => setTimeout(resolve, ms));
  for (let round = 0; round < 4; round++) {
    const leader = tabs.find(({ client }) => client.sharing === "leader");
    leader?.freeze();
    await later(100);
    world.cut();
    await later(400);
    leader?.thaw();
    const { cursor } = tabs[round]!.client;
    const from = Number(cursor!.split("-")[1]);
    const tab = new Tab(world, "a", { since: cursor! });
    starts.set(tab, from);
    tabs.push(tab);
    await later(100);
    if (round % 2) tabs[round]!.freeze();
    await later(100);
    tabs[round]!.thaw();
  }
  publishing = false;
  await publisher;
  await until(() => tabs.every(({ got }) => got.includes(published)));
  for (const tab of tabs) {
    const start = starts.get(tab)!;
    assertEquals(tab.got, upTo(published).slice(start));
  }
});

test("a shared client finds out what holds streams back, like any other", async () => {
  await using world = await World.start();
  world.front = (seen, pass) =>
    seen.query.get("transport") === "poll" ? pass() : held(pass);
  const tabs = await openTabs(world, 3);
  assert(tabs.every(({ client }) => client.transport === "poll"));
  assertEquals(new Set(tabs.map(({ client }) => client.id)).size, 1);
});
