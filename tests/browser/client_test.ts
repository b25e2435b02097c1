/** `client.ts` in Chromium: every transport, a server that dies, a network that does. */
import { assert, assertEquals } from "@std/assert";
import {
  assertWhole,
  type Heard,
  isCurrent,
  Publisher,
  RUNTIMES,
  Server,
  test,
} from "../outside.ts";
import { type BrowserContext, Chromium, Tab } from "./browser.ts";

const TRANSPORTS = ["stream", "sse", "poll"] as const;

/** A page for each transport, all connected. */
async function openAll(
  context: BrowserContext,
  server: Server,
): Promise<Tab[]> {
  const tabs: Tab[] = [];
  for (const transport of TRANSPORTS) {
    tabs.push(await Tab.open(context, server.origin, "a/*", { transport }));
  }
  for (const [n, tab] of tabs.entries()) {
    assertEquals((await tab.opened()).transport, TRANSPORTS[n]);
  }
  return tabs;
}

/** Ends the publisher and sees what every tab has made of it. */
async function settle(tabs: Tab[], publisher: Publisher): Promise<string[][]> {
  await publisher.stop();
  const resets: string[][] = [];
  for (const tab of tabs) {
    const { heard } = await tab.until(({ heard }) =>
      isCurrent(heard, publisher.ids)
    );
    assertWhole(heard, publisher);
    resets.push(heard.filter((item) => item === "reset"));
  }
  return resets;
}

for (const runtime of RUNTIMES) {
  test(`client.ts in Chromium loses nothing in silence when a ${runtime} server is killed and comes back, on each transport`, async () => {
    await using server = await Server.start(runtime);
    await using browser = await Chromium.start();
    const tabs = await openAll(await browser.context(), server);
    await using publisher = new Publisher(`${server.url}/a/b`);
    await publisher.more(20);
    for (const tab of tabs) await tab.until(({ heard }) => heard.length > 10);
    await server.kill();
    for (const tab of tabs) {
      await tab.until(({ events }) =>
        events.some((event) => event.startsWith("reconnect"))
      );
    }
    await server.restart();
    // What a reset covers is not heard; what comes after it is.
    for (const tab of tabs) {
      await tab.until(({ heard }) => heard.includes("reset"));
    }
    await publisher.more(20);
    const resets = await settle(tabs, publisher);
    // Another process has another order.
    assertEquals(resets, TRANSPORTS.map(() => ["reset"]));
    assertEquals(browser.errors, []);
  });

  test(`client.ts in Chromium goes offline and comes back with nothing lost from a ${runtime} server, on each transport`, async () => {
    await using server = await Server.start(runtime, {
      HALLEY_HEARTBEAT: "500",
    });
    await using browser = await Chromium.start();
    const context = await browser.context();
    const tabs = await openAll(context, server);
    await using publisher = new Publisher(`${server.url}/a/b`);
    await publisher.more(20);
    const ids = await Promise.all(
      tabs.map(async (tab) => (await tab.opened()).id),
    );
    await context.setOffline(true);
    for (const tab of tabs) {
      await tab.until(({ events }) => events.includes("reconnect offline"));
    }
    await publisher.more(20);
    await context.setOffline(false);
    for (const tab of tabs) await tab.opened();
    await publisher.more(20);
    const resets = await settle(tabs, publisher);
    assertEquals(resets, TRANSPORTS.map(() => []));
    // It has come back as the same connection.
    const again = await Promise.all(
      tabs.map(async (tab) => (await tab.opened()).id),
    );
    assertEquals(again, ids);
    assert(ids.every(Boolean));
    assertEquals(browser.errors, []);
  });
}

test("client.ts in Chromium publishes and hears itself", async () => {
  await using server = await Server.start("deno");
  await using browser = await Chromium.start();
  const tabs = await openAll(await browser.context(), server);
  const ids: string[] = [];
  for (const [n, tab] of tabs.entries()) {
    ids.push(await tab.publish("a/b", { n, text: "grüße 🌍" }));
  }
  for (const tab of tabs) {
    const { heard } = await tab.until(({ heard }) => heard.length === 3);
    assertEquals(
      heard,
      ids.map((id, n) => [id, { n, text: "grüße 🌍" }] as const),
    );
  }
});

test("client.ts in Chromium goes on at the cursor that a page kept when it is loaded anew", async () => {
  await using server = await Server.start("bun");
  await using browser = await Chromium.start();
  const context = await browser.context();
  for (const transport of TRANSPORTS) {
    await using publisher = new Publisher(`${server.url}/a/b`);
    const options = { transport };
    const before = await Tab.open(context, server.origin, "a/*", options);
    await before.opened();
    const { page } = before;
    await page.evaluate(`addEventListener("pagehide", () => {
      sessionStorage.cursor = tab.client.cursor;
      sessionStorage.heard = JSON.stringify(tab.heard);
    })`);
    await before.until(({ heard }) => heard.length > 10);
    await page.reload();
    await publisher.more(10);
    const [since, had] = await page.evaluate<[string, string]>(
      "[sessionStorage.cursor, sessionStorage.heard]",
    );
    const after = await Tab.listen(page, "a/*", { ...options, since });
    await publisher.more(10);
    await publisher.stop();
    const { heard } = await after.until(({ heard }) =>
      isCurrent(heard, publisher.ids)
    );
    const all: Heard[] = [...JSON.parse(had), ...heard];
    assert(!all.includes("reset"));
    // It came while messages were being published.
    const ids = publisher.ids.slice(publisher.ids.indexOf(all[0]![0]!));
    assertWhole(all, { ids, unsure: publisher.unsure });
    await page.close();
  }
});
