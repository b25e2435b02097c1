/** The page at `/` without a mouse. */
import { assertEquals } from "@std/assert";
import { Server, test, until } from "../outside.ts";
import { Chromium, type Page } from "./browser.ts";
import { lost, open, published, rows } from "./page.ts";

/** All that has the focus on the way to the end of the page, by Tab. */
async function tabOrder(page: Page): Promise<string[]> {
  const order: string[] = [];
  for (;;) {
    await page.keyboard.press("Tab");
    const name: string = await page.evaluate(`(() => {
      const element = document.activeElement;
      if (element === document.body) return "";
      return element.id || element.ariaLabel || element.className ||
        element.textContent;
    })()`);
    if (name === "" || order.includes(name)) return order;
    order.push(name);
  }
}

test("the page needs no mouse", async () => {
  await using server = await Server.start("deno");
  await using browser = await Chromium.start();
  const page = await browser.page(server.origin);
  await open(page, "stream");
  const { keyboard } = page;
  assertEquals(await tabOrder(page), [
    "transport",
    "cut",
    "name",
    "Listen",
    "Stop listening to news",
    "channel",
    "data",
    "Publish",
    "clear",
    "scroll",
  ]);
  await page.reload();
  await open(page, "stream");
  const tab = async (count: number) => {
    for (let n = 0; n < count; n++) await keyboard.press("Tab");
  };
  await tab(1);
  // Three steps down: poll.
  for (const _ of [1, 2, 3]) await keyboard.press("ArrowDown");
  await open(page, "poll");
  await tab(2);
  await keyboard.type("chat/**");
  await keyboard.press("Enter");
  await page.locator("#names").getByText("chat/**").waitFor();
  // Past Listen to the button that ends news.
  await tab(2);
  await keyboard.press("Enter");
  await until(
    async () => await page.locator("#names li").count() === 1,
    "gone",
  );
});

test("the page keeps the focus when the button that has it goes", async () => {
  await using server = await Server.start("deno");
  await using browser = await Chromium.start();
  const page = await browser.page(server.origin);
  await open(page, "stream");
  await page.getByRole("button", { name: "Stop listening to news" })
    .press("Enter");
  await until(
    async () => await page.locator("#names li").count() === 0,
    "gone",
  );
  // Else a screen reader begins again at the top.
  const isLost = await page.evaluate(
    "document.activeElement === document.body",
  );
  assertEquals(isLost, false);
});

test("the page publishes and cuts by keyboard alone", async () => {
  await using server = await Server.start("deno");
  await using browser = await Chromium.start();
  const page = await browser.page(server.origin);
  await open(page, "stream");
  const { keyboard } = page;
  const to = async (name: string) => {
    await until(async () => {
      await keyboard.press("Tab");
      return await page.evaluate(`(() => {
        const { id, textContent } = document.activeElement;
        return (id || textContent) === ${JSON.stringify(name)};
      })()`);
    }, `the focus on ${name}`);
  };
  await to("data");
  await keyboard.press("ControlOrMeta+A");
  await keyboard.type('"typed"');
  await to("Publish");
  await keyboard.press("Space");
  const id = await published(page);
  await page.getByText(id, { exact: true }).waitFor();
  assertEquals((await rows(page)).map((row) => row[1]), ['"typed"']);
  await to("cut");
  await keyboard.press("Enter");
  await lost(page);
  await open(page, "stream");
  await to("clear");
  await keyboard.press("Enter");
  assertEquals(await rows(page), []);
});
