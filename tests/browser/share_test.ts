/** One connection for the tabs of a browser, whatever happens to the one that leads. */
import { assert, assertEquals } from "@std/assert";
import {
  assertWhole,
  isCurrent,
  Publisher,
  RUNTIMES,
  send,
  Server,
  test,
  until,
} from "../outside.ts";
import { Chromium, Tab } from "./browser.ts";
import { led, settle, Tabs } from "./tabs.ts";

/**
 * Stops all that a page does until the server answers, while its locks and sockets stay
 * as they are. (Chromium freezes hidden pages only, and without a window none is.)
 */
const FREEZE = `(() => {
  const request = new XMLHttpRequest();
  request.open("GET", "/held", false);
  request.send();
})()`;

/** How often a leader is to be heard of follows from it. */
const SHARE = { share: true, openTimeout: 1_000 };

test("ten tabs that share hear everything over one connection", async () => {
  await using tabs = await Tabs.open(10, SHARE);
  await tabs.parts();
  await using publisher = new Publisher(`${tabs.origin}/push/a/b`);
  await publisher.more(50);
  assertEquals(tabs.engine.connections.size, 1);
  assertEquals(tabs.parked, 1);
  const ids = await Promise.all(
    tabs.all.map(async (tab) => (await tab.known()).id),
  );
  assertEquals(new Set(ids), new Set(tabs.engine.connections.keys()));
  await settle(tabs.all, publisher);
  // What one of them publishes, all of them hear.
  const id = await tabs.all[7]!.publish("a/c", "from the eighth");
  for (const tab of tabs.all) {
    await tab.until(({ heard }) => heard.some(([of]) => of === id));
  }
  assertEquals(tabs.browser.errors, []);
});

test("tabs that share each hear what they listen to, of one connection", async () => {
  await using tabs = await Tabs.open(6, SHARE, (n) => `own/${n}`);
  // A leader that is busy is never asked whether it knows its followers.
  await using publisher = new Publisher(`${tabs.origin}/push/own/0`);
  for (const n of tabs.all.keys()) {
    const own = `${n} of its own`;
    // Once is enough for a tab that is listened for; one that is not never hears.
    await send(`${tabs.origin}/push/own/${n}`, own);
    const { events } = await tabs.all[n]!.until(({ heard }) =>
      heard.some((item) => item[1] === own)
    );
    assert(!events.includes("reconnect internal"), `${events}`);
    await publisher.more(5);
  }
  await tabs.parts();
  assertEquals(tabs.engine.connections.size, 1);
});

test("ten tabs that each have a connection are more than HTTP/1.1 carries; sharing is what helps", async () => {
  await using tabs = await Tabs.open(6, { transport: "stream" });
  assertEquals(tabs.parked, 6);
  const context = tabs.all[0]!.page.context();
  const seventh = await context.newPage();
  // Chromium has six sockets for a host; the seventh page gets none.
  const answered = seventh.goto(`${tabs.origin}/healthz`).then(() => true);
  await tabs.all[0]!.page.close();
  assert(await answered);
});

test("the death of a leader loses and doubles nothing in the other tabs", async () => {
  await using tabs = await Tabs.open(4, SHARE);
  await using publisher = new Publisher(`${tabs.origin}/push/a/b`);
  await publisher.more(20);
  let left = tabs.all;
  for (const _ of [1, 2]) {
    tabs.all.splice(0, Infinity, ...left);
    const { leader, followers } = await tabs.parts();
    await leader.page.close();
    left = followers;
    await led(left);
    await publisher.more(20);
  }
  await settle(left, publisher);
  assertEquals(tabs.parked, 1);
  assertEquals(tabs.browser.errors, []);
});

test("a frozen leader is replaced; nothing is lost or doubled, in its own tab neither", async () => {
  await using tabs = await Tabs.open(4, SHARE);
  await using publisher = new Publisher(`${tabs.origin}/push/a/b`);
  await publisher.more(20);
  const { leader, followers } = await tabs.parts();
  const frozen = leader.page.evaluate(FREEZE);
  await led(followers);
  await publisher.more(20);
  tabs.thaw();
  await frozen;
  await leader.until(({ sharing }) => sharing === "follower");
  await publisher.more(20);
  await settle(tabs.all, publisher);
  await tabs.parts();
  await until(() => tabs.parked === 1, "one connection");
  assertEquals(tabs.browser.errors, []);
});

test("the server's end loses nothing in silence in tabs that share", async () => {
  await using tabs = await Tabs.open(4, SHARE);
  await using publisher = new Publisher(`${tabs.origin}/push/a/b`);
  await publisher.more(20);
  for (const { id } of tabs.engine.connections.values()) {
    tabs.engine.drop(id, "expired");
  }
  await publisher.more(20);
  await settle(tabs.all, publisher);
  assertEquals(tabs.browser.errors, []);
});

for (const runtime of RUNTIMES) {
  test(`tabs that share lose nothing in silence when a ${runtime} server is killed and comes back`, async () => {
    await using server = await Server.start(runtime);
    await using browser = await Chromium.start();
    const context = await browser.context();
    const tabs: Tab[] = [];
    for (const _ of [1, 2, 3]) {
      tabs.push(await Tab.open(context, server.origin, "a/*", SHARE));
    }
    for (const tab of tabs) await tab.opened();
    await using publisher = new Publisher(`${server.url}/a/b`);
    await publisher.more(20);
    await server.kill();
    for (const tab of tabs) {
      await tab.until(({ state }) => state === "waiting");
    }
    await server.restart();
    for (const tab of tabs) {
      await tab.until(({ heard }) => heard.includes("reset"));
    }
    await publisher.more(20);
    await publisher.stop();
    for (const tab of tabs) {
      const { heard } = await tab.until(({ heard }) =>
        isCurrent(heard, publisher.ids)
      );
      assertWhole(heard, publisher);
      assertEquals(heard.filter((item) => item === "reset"), ["reset"]);
    }
    assertEquals(browser.errors, []);
  });
}

test("tabs that share go offline and come back with nothing lost", async () => {
  await using tabs = await Tabs.open(3, SHARE);
  await using publisher = new Publisher(`${tabs.origin}/push/a/b`);
  await publisher.more(20);
  const context = tabs.all[0]!.page.context();
  await context.setOffline(true);
  for (const tab of tabs.all) {
    await tab.until(({ events }) => events.includes("reconnect offline"));
  }
  await publisher.more(20);
  await context.setOffline(false);
  for (const tab of tabs.all) await tab.opened();
  await publisher.more(20);
  await settle(tabs.all, publisher);
  assertEquals(tabs.engine.connections.size, 1);
});
