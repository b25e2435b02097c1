/** What a page says to the server when it goes, and when it comes back. */
import { assertEquals } from "@std/assert";
import { Publisher, test, until } from "../outside.ts";
import { settle, Tabs } from "./tabs.ts";

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
