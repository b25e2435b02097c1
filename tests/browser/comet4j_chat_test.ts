/** The chat in `examples/comet4j-chat`, in Chromium, on servers of both runtimes. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import process from "node:process";
import { Child } from "../http/child.ts";
import { root, RUNTIMES, test, tool, until } from "../outside.ts";
import { freePort } from "../port.ts";
import { Chromium, type Page } from "./browser.ts";

const PROGRAM = `${root}examples/comet4j-chat/main.ts`;

/** What stands in the page, without the times. */
async function log(page: Page): Promise<string[]> {
  const lines = await page.locator("#log li").allTextContents();
  return lines.map((line) => line.replace(/^[\d:.]+( [AP]M)? /, ""));
}

async function choose(page: Page, name: string): Promise<void> {
  await page.getByLabel("Nickname").fill(name);
  await page.getByRole("button", { name: "Choose" }).click();
}

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.getByRole("button", { name: "Say" }).click();
}

for (const runtime of RUNTIMES) {
  test(`people come, talk, change their names and go in the chat on ${runtime}`, async () => {
    const port = await freePort();
    const command = runtime === "deno"
      ? [process.execPath, "serve", "-A", `--port=${port}`, PROGRAM]
      : [tool("bun"), PROGRAM];
    await using child = new Child(command, { PORT: `${port}` });
    const origin = `http://127.0.0.1:${port}`;
    await until(async () => {
      const answer = await fetch(`${origin}/`).catch(() => {});
      return await answer?.text();
    }, () => child.output);
    await using browser = await Chromium.start();
    const ann = await browser.page(origin);
    const bob = await browser.page(origin);
    await choose(ann, "ann");
    await until(async () => (await log(ann)).includes("ann has come"));
    await choose(bob, "bob <b>");
    await until(async () => (await log(bob)).includes("bob <b> has come"));
    await ann.getByRole("status").getByText("connected over stream").waitFor();
    await say(ann, "hello & 100 % <i>");
    await until(async () => (await log(bob)).length === 2);
    await say(bob, "hi");
    await until(async () => (await log(ann)).length === 4);
    await choose(bob, "robert");
    await until(async () => (await log(ann)).length === 5);
    await bob.getByText(/^2 here, \d+ MB, up since /).waitFor();
    await bob.close();
    await until(async () => (await log(ann)).length === 6, () => log(ann));
    assertEquals(await log(ann), [
      "ann has come",
      "bob <b> has come",
      "ann: hello & 100 % <i>",
      "bob <b>: hi",
      "bob <b> is now robert",
      "robert has left",
    ]);
    const health = await ann.locator("#health").textContent();
    assertMatch(health!, /^[12] here, \d+ MB/);
    assertEquals(browser.errors, []);
    const refused = await fetch(`${origin}/talk.do?cmd=talk`, {
      method: "POST",
      body: new URLSearchParams({ id: "nobody", text: "x" }),
    });
    assertEquals(refused.status, 404);
    await refused.body!.cancel();
    assert(!child.output.includes("rror"), child.output);
  });
}
