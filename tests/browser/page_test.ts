/** The page at `/` of the stand-alone server, used as people use it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Publisher, RUNTIMES, send, Server, test, until } from "../outside.ts";
import { Chromium } from "./browser.ts";
import { lost, open, published, rows, told } from "./page.ts";

for (const runtime of RUNTIMES) {
  test(`the page of a ${runtime} server shows what comes on a pattern, with id and latency, on each transport`, async () => {
    await using server = await Server.start(runtime);
    await using browser = await Chromium.start();
    const page = await browser.page(server.origin);
    await open(page, "stream");
    await page.getByLabel("Channel or pattern").fill("chat/*");
    await page.getByRole("button", { name: "Listen", exact: true }).click();
    const list = page.getByRole("list", { name: "Listening to" });
    await list.getByText("chat/*").waitFor();
    await page.getByLabel("Channel", { exact: true }).fill("chat/a");
    const seen: string[] = [];
    for (const transport of ["stream", "sse", "poll", "auto"]) {
      await page.getByLabel("Transport").selectOption(transport);
      await open(page, transport === "auto" ? "stream" : transport);
      const text = `{"over": "${transport}", "umlaut": "grüße", "html": "<b>"}`;
      await page.getByLabel("Data").fill(text);
      await page.getByRole("button", { name: "Publish" }).click();
      const id = await published(page, seen[0]);
      const [row] = await until(async () => {
        const all = await rows(page);
        return all[0]?.[2] === id && all[0][3] !== "" && all;
      }, "the message with its latency");
      const [channel, data, , latency] = row!;
      assertEquals(channel, "chat/a");
      assertEquals(JSON.parse(data!), JSON.parse(text));
      assertMatch(latency!, /^\d+\.\d ms$/);
      seen.unshift(id);
    }
    // What others publish has no latency; what is not listened to is not shown.
    await send(`${server.url}/other`, 1);
    seen.unshift(await send(`${server.url}/chat/b`, "from elsewhere"));
    await page.getByText("from elsewhere").waitFor();
    const all = await rows(page);
    assertEquals(all.map(([, , id]) => id), seen);
    assertEquals(all[0]![3], "");
    assertEquals(browser.errors, []);
  });

  test(`the page of a ${runtime} server resumes after a cut with nothing lost, on each transport`, async () => {
    await using server = await Server.start(runtime);
    await using browser = await Chromium.start();
    const page = await browser.page(server.origin);
    await open(page, "stream");
    const cut = page.getByRole("button", { name: "Cut the connection" });
    await using publisher = new Publisher(`${server.url}/news`);
    for (const [cuts, transport] of ["stream", "sse", "poll"].entries()) {
      await page.getByLabel("Transport").selectOption(transport);
      await open(page, transport);
      await publisher.more(10);
      await cut.click();
      await lost(page, cuts + 1);
      await open(page, transport);
      // The reason of each is told.
      assertMatch(
        (await told(page)).find((line) => line.startsWith("lost"))!,
        /^lost .*cut here.* – again in \d+ ms \(attempt \d+\)$/,
      );
    }
    await publisher.stop();
    const last = publisher.ids.at(-1)!;
    const first = Math.max(0, publisher.ids.length - 200);
    await until(
      async () => (await rows(page))[0]?.[2] === last,
      "the last one",
    );
    const ids = (await rows(page)).map(([, , id]) => id!).reverse();
    assertEquals(ids, publisher.ids.slice(first));
    assert(!(await told(page)).some((line) => line.startsWith("reset")));
    assertEquals(browser.errors, []);
  });

  test(`the page of a ${runtime} server tells what its restart has cost`, async () => {
    await using server = await Server.start(runtime);
    await using browser = await Chromium.start();
    const page = await browser.page(server.origin);
    await open(page, "stream");
    await send(`${server.url}/news`, "before");
    await page.getByText("before").waitFor();
    await server.kill();
    await page.getByRole("status").getByText("reconnecting").waitFor();
    await server.restart();
    await page.locator("#events").getByText("messages are missing").waitFor();
    await open(page, "stream");
    await send(`${server.url}/news`, "after");
    await page.getByText("after").waitFor();
    assertEquals((await rows(page)).length, 2);
    assertEquals(browser.errors, []);
  });
}
