/** The page at `/` for those who do not see it as its author did. */
import { assert, assertEquals } from "@std/assert";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import process from "node:process";
import { send, Server, test } from "../outside.ts";
import { Chromium, type Page } from "./browser.ts";
import { lost, open } from "./page.ts";

/** A channel whose name is long, as names may be. */
const LONG = "a/channel/whose/name/is/longer/than/a/phone/is/wide";

/** The page with messages, patterns and a cut behind it. */
async function used(page: Page, server: Server): Promise<void> {
  await open(page, "stream");
  for (const name of ["orders/**", `${LONG}/*`]) {
    await page.getByLabel("Channel or pattern").fill(name);
    await page.keyboard.press("Enter");
    await open(page, "stream");
  }
  await send(`${server.url}/${LONG}/1`, "x".repeat(300));
  for (const data of ["hello", { text: "grüße", list: [1, 2, 3] }]) {
    await send(`${server.url}/news`, data);
  }
  await send(`${server.url}/orders/de/1`, { total: 12.5 });
  await page.getByRole("button", { name: "Publish" }).click();
  await page.locator("#messages tr").nth(4).waitFor();
  await page.getByRole("button", { name: "Cut the connection" }).click();
  await lost(page);
  await open(page, "stream");
}

/** A node as assistive technology is given it. */
interface Node {
  readonly ignored: boolean;
  readonly role?: { value: string };
  readonly name?: { value: string };
}

test("everything on the page has the role and the name that a screen reader says", async () => {
  await using server = await Server.start("deno");
  await using browser = await Chromium.start();
  const page = await browser.page(server.origin);
  await used(page, server);
  const session = await page.context().newCDPSession(page);
  const tree = await session.send("Accessibility.getFullAXTree");
  const nodes = (tree.nodes as Node[]).filter(({ ignored }) => !ignored)
    .map(({ role, name }) => `${role?.value} ${name?.value ?? ""}`.trim());
  for (
    const wanted of [
      "RootWebArea Halley",
      "banner",
      "main",
      "heading Halley",
      "heading Listen",
      "heading Publish",
      "heading Messages",
      "heading Connection",
      "status",
      "combobox Transport",
      "button Cut the connection",
      "textbox Channel or pattern",
      "button Listen",
      "list Listening to",
      "button Stop listening to news",
      "button Stop listening to orders/**",
      `button Stop listening to ${LONG}/*`,
      "form Publish",
      "textbox Channel",
      "textbox Data (JSON, or text)",
      "button Publish",
      "button Clear",
      "region Messages",
      "table",
      "columnheader channel",
      "columnheader latency",
      "list Connection",
    ]
  ) assert(nodes.includes(wanted), `${wanted} is not in ${nodes.join("\n")}`);
  // Whatever can be used has a name.
  for (const role of ["button", "textbox", "combobox", "link", "region"]) {
    assert(!nodes.includes(role), `a ${role} without a name`);
  }
  const lang = await page.evaluate("document.documentElement.lang");
  assertEquals(lang, "en");
});

/** Texts whose contrast with what is behind them is below 4.5 (WCAG 2, 1.4.3). */
const DIM = `(() => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {
    const [r, g, b] = parse(color).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if (parse(backgroundColor)[3] !== 0) return backgroundColor;
    }
    return "rgb(255, 255, 255)";
  };
  const texts = [...document.querySelectorAll("body *")].filter((element) =>
    element.checkVisibility() && (/^(INPUT|TEXTAREA)$/.test(element.tagName) ||
      [...element.childNodes].some((node) =>
        node.nodeType === 3 && node.data.trim() !== "")));
  const colored = texts.map((element) => [element, getComputedStyle(element)]);
  for (const element of document.querySelectorAll("[placeholder]")) {
    colored.push([element, getComputedStyle(element, "::placeholder")]);
  }
  return colored.flatMap(([element, { color }]) => {
    const colors = [color, behind(element)];
    const [a, b] = colors.map(light).sort((a, b) => b - a);
    const ratio = (a + 0.05) / (b + 0.05);
    return ratio >= 4.5 ? [] : [[element.outerHTML.slice(0, 60), ...colors, ratio]];
  });
})()`;

/** What stands out of its part of the page. */
const BEYOND =
  `[...document.querySelectorAll("header, section")].flatMap((part) =>
  [...part.querySelectorAll("*")].filter((element) =>
    !element.closest("table") && element.getBoundingClientRect().right >
      part.getBoundingClientRect().right + 1
  ).map((element) => element.outerHTML.slice(0, 80)))`;

const SIZES = {
  wide: { width: 1_200, height: 800 },
  tablet: { width: 800, height: 1_000 },
  narrow: { width: 390, height: 844 },
  smallest: { width: 320, height: 640 },
};

for (const colorScheme of ["light", "dark"] as const) {
  test(`the page can be read when it is ${colorScheme}, wide or narrow`, async () => {
    await using server = await Server.start("deno");
    await using browser = await Chromium.start();
    // Kept, to be looked at.
    const folder = process.env.HALLEY_SCREENSHOTS ??
      await mkdtemp(`${tmpdir()}/halley-page-`);
    for (const [name, viewport] of Object.entries(SIZES)) {
      const page = await browser.page(server.origin, { colorScheme, viewport });
      await used(page, server);
      await page.screenshot({
        path: `${folder}/${name}-${colorScheme}.png`,
        fullPage: true,
      });
      assertEquals(await page.evaluate(DIM), [], name);
      // Nothing has to be moved sideways to be seen, but the table in its frame.
      const { scrollWidth, innerWidth } = await page.evaluate<Widths>(
        `({ scrollWidth: document.documentElement.scrollWidth, innerWidth })`,
      );
      assert(scrollWidth <= innerWidth, `${name}: ${scrollWidth} px wide`);
      assertEquals(await page.evaluate(BEYOND), [], name);
      // The scheme is really another.
      const back = await page.evaluate<string>(
        "getComputedStyle(document.body).backgroundColor",
      );
      const isLight = back === "rgb(255, 255, 255)";
      assertEquals(isLight, colorScheme === "light");
      await page.close();
    }
  });
}

test("a phone shows the time, the channel, the data, the id and the latency of a message", async () => {
  await using server = await Server.start("deno");
  await using browser = await Chromium.start();
  const viewport = SIZES.narrow;
  const page = await browser.page(server.origin, { viewport });
  await used(page, server);
  // The one that was published there, and the one with the long name.
  for (const row of ["first", "last"] as const) {
    const cells = page.locator("#messages tr")[row]().locator("td");
    for (const [n, cell] of (await cells.all()).entries()) {
      await cell.scrollIntoViewIfNeeded();
      const box = await cell.boundingBox();
      const what = `${row}, column ${n}: ${JSON.stringify(box)}`;
      if (await cell.textContent() === "") continue;
      assert(box && box.width > 30, what);
      assert(box.x >= 0 && box.x + box.width <= viewport.width, what);
      // Time and id are one line each.
      assert(n !== 0 && n !== 3 || box.height < 30, what);
    }
  }
  const isCut = await page.evaluate(`(() => {
    const { scrollWidth, clientWidth } = document.querySelector(".scroll");
    return scrollWidth > clientWidth;
  })()`);
  assertEquals(isCut, false);
});

interface Widths {
  readonly scrollWidth: number;
  readonly innerWidth: number;
}
