/** Tabs of a page that came over plain http, where browsers have no Web Locks. */
import { assertEquals } from "@std/assert";
import { Publisher, test } from "../outside.ts";
import { type Page, PLAIN, Tab } from "./browser.ts";
import { settle, Tabs } from "./tabs.ts";

test("ten tabs without Web Locks say so, and all hear over six sockets: with short polls", async () => {
  await using tabs = await Tabs.open(0);
  const origin = tabs.origin.replace("127.0.0.1", PLAIN);
  const context = await tabs.browser.context();
  const pages: Page[] = [];
  for (let n = 0; n < 10; n++) {
    const page = await context.newPage();
    await page.goto(`${origin}/healthz`);
    // Before streams have taken all sockets.
    await page.evaluate(`import("/page/client.ts")`);
    assertEquals(await page.evaluate("isSecureContext"), false);
    pages.push(page);
  }
  const options = { share: true, openTimeout: 1_000 };
  const open = (page: Page) => Tab.listen(page, "a/*", options);
  tabs.all.push(...await Promise.all(pages.map(open)));
  for (const tab of tabs.all) {
    const { sharing } = await tab.until(({ state, transport }) =>
      state === "open" && transport === "poll"
    );
    assertEquals(sharing, "unavailable");
  }
  await using publisher = new Publisher(`${tabs.origin}/push/a/b`);
  await publisher.more(20);
  await settle(tabs.all, publisher);
  const id = await tabs.all[9]!.publish("a/c", "from the tenth");
  for (const tab of tabs.all) {
    await tab.until(({ heard }) => heard.some(([of]) => of === id));
  }
  assertEquals(tabs.browser.errors, []);
});
