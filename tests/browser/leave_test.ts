/** What a page says to the server when it goes, and when it comes back. */
import { assertEquals } from "@std/assert";
import { Publisher, test, until } from "../outside.ts";
import { led, settle, Tabs } from "./tabs.ts";

for (const transport of ["stream", "sse", "poll"] as const) {
  test(`a page on ${transport} that is left tells the server, and goes on when one comes back to it`, async () => {
    await using tabs = await Tabs.open(1, { transport });
    const reasons: string[] = [];
    tabs.engine.on("drop", (_, reason) => void reasons.push(reason));
    const [tab] = tabs.all;
    await using publisher = new Publisher(`${tabs.origin}/push/a/b`);
    await publisher.more(10);
    await tab!.page.goto("about:blank");
    await until(() => reasons.length > 0, "it has left");
    assertEquals(reasons, ["left"]);
    assertEquals(tabs.engine.connections.size, 0);
    await publisher.more(10);
    await tab!.page.goBack({ waitUntil: "commit" });
    // Whether the browser has kept the page is its own affair.
    const isKept = await tab!.page.evaluate("'tab' in globalThis");
    if (isKept) await settle([tab!], publisher);
    assertEquals(isKept, true);
  });
}

test("a page that is closed leaves no connection behind", async () => {
  await using tabs = await Tabs.open(2, { transport: "stream" });
  const reasons: string[] = [];
  tabs.engine.on("drop", (_, reason) => void reasons.push(reason));
  await tabs.all[0]!.page.close({ runBeforeUnload: true });
  await until(() => reasons.length > 0, "it has left");
  assertEquals(reasons, ["left"]);
  assertEquals(tabs.engine.connections.size, 1);
});

test("the last of the tabs that share tells the server", async () => {
  await using tabs = await Tabs.open(3, { share: true, openTimeout: 1_000 });
  const reasons: string[] = [];
  tabs.engine.on("drop", (_, reason) => void reasons.push(reason));
  const { leader, followers } = await tabs.parts();
  await leader.page.close({ runBeforeUnload: true });
  // The connection is another's now.
  await led(followers);
  assertEquals(reasons, []);
  assertEquals(tabs.engine.connections.size, 1);
  tabs.all.splice(0, Infinity, ...followers);
  const last = await tabs.parts();
  for (const { page } of last.followers) {
    await page.close({ runBeforeUnload: true });
  }
  await until(
    () => last.leader.page.context().pages().length === 1,
    "one left",
  );
  await last.leader.page.close({ runBeforeUnload: true });
  await until(() => tabs.engine.connections.size === 0, "all have left");
  assertEquals(reasons, ["left"]);
});
