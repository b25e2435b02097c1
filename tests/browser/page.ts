/**
 * What the page at `/` shows.
 * @module
 */
import { until } from "../outside.ts";
import type { Page } from "./browser.ts";

/** The messages that a page shows, newest first: channel, data, id, latency. */
export async function rows(page: Page): Promise<string[][]> {
  return await page.evaluate(`[...document.querySelectorAll("#messages tr")]
    .map(({ cells }) => [...cells].slice(1).map((cell) => cell.textContent))`);
}

/** What the page tells of its connection, newest first. */
export async function told(page: Page): Promise<string[]> {
  const items = await page.locator("#events li").allTextContents();
  return items.map((item) => item.replace(/^\S+ /, ""));
}

/** Waits until the page is connected over that transport. */
export async function open(page: Page, transport: string): Promise<void> {
  await page.getByRole("status").getByText(`open over ${transport}`).waitFor();
}

/** The id that the page names for what it has published after `before`. */
export async function published(page: Page, before = ""): Promise<string> {
  return await until(async () => {
    const [, id] = /^published as (.+)$/.exec(
      await page.locator("#result").textContent() ?? "",
    ) ?? [];
    return id !== before && id;
  }, "it says that it has published");
}

/** Waits until the page has told so many times that it lost its connection. */
export async function lost(page: Page, times = 1): Promise<void> {
  // Its state may be over before anybody looks: it comes back after 0 to 0.5 s.
  const told = page.locator("#events").getByText(" – again in ");
  await told.nth(times - 1).waitFor();
}
