/** The pages of the chat and the dashboard, in a browser. */
import { assertEquals } from "@std/assert";
import { Chromium, type Page } from "../browser/browser.ts";
import { publish } from "../http/halley.ts";
import { test } from "../outside.ts";
import { Folder } from "../runtimes/programs.ts";
import { serve } from "./examples.ts";

/** Enters the chat as `name`. */
async function enter(
  browser: Chromium,
  url: string,
  name: string,
): Promise<Page> {
  const page = await (await browser.context()).newPage();
  page.on("dialog", (dialog) => dialog.accept(name));
  await page.goto(url);
  await page.getByText(`Connected as ${name}`).waitFor();
  return page;
}

test("examples/chat.ts in a browser: two talk, and the one who comes late reads it all", async () => {
  await using folder = new Folder();
  await using chat = await serve(folder, "deno", "chat.ts", "/");
  await using browser = await Chromium.start();
  const ann = await enter(browser, chat.url, "ann");
  const bob = await enter(browser, chat.url, "bob");
  await ann.getByText("Somebody has joined.").last().waitFor();
  await ann.getByLabel("Message").fill("hello <b>bob</b>");
  await ann.getByLabel("Message").press("Enter");
  await bob.getByText("ann: hello <b>bob</b>").waitFor();
  await bob.getByLabel("Message").fill("hello ann");
  await bob.getByRole("button").click();
  await ann.getByText("bob: hello ann").waitFor();
  const late = await enter(browser, chat.url, "eve");
  await late.getByText("ann: hello <b>bob</b>").waitFor();
  await late.getByText("bob: hello ann").waitFor();
  assertEquals(browser.errors, []);
});

test("examples/dashboard.ts in a browser: every number is there, and changes", async () => {
  await using folder = new Folder();
  await using dashboard = await serve(folder, "bun", "dashboard.ts", "/");
  await using browser = await Chromium.start();
  const page = await browser.page(dashboard.url);
  await page.locator("dd").nth(3).waitFor();
  const names = await page.locator("dt").allTextContents();
  const all = ["load", "memory", "uptime", "watchers"];
  assertEquals(names.sort(), all.map((name) => `stats/${name}`));
  const before = await page.locator("dl").textContent();
  const shown = JSON.stringify(before);
  await page.waitForFunction(
    `document.querySelector("dl").textContent !== ${shown}`,
  );
  const response = await publish(`${dashboard.url}/stats/load`, 0);
  assertEquals(response.status, 401);
  assertEquals(browser.errors, []);
});
