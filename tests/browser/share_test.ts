/** One connection for the tabs of a browser, whatever happens to the one that leads. */
import { assert, assertEquals } from "@std/assert";
import { App } from "../../src/deps.ts";
import { createEngine, type Engine } from "../../src/engine.ts";
import { servePage } from "../../src/page/serve.ts";
import { createRouter } from "../../src/router.ts";
import { serve } from "../harness.ts";
import { assertWhole, isCurrent, Publisher, test, until } from "../outside.ts";
import { Chromium, Tab } from "./browser.ts";

/** Tabs in one browser, and the engine that they listen to over HTTP/1.1. */
class Tabs {
  readonly engine: Engine = createEngine({
    policy: { allow: () => true },
    heartbeat: 1_000,
    history: { frames: 100_000, bytes: 1e8 },
  });
  readonly all: Tab[] = [];
  origin = "";
  browser!: Chromium;
  /** Answers `/held`. */
  thaw = () => {};
  #stop = () => Promise.resolve();

  /** Opens so many; each listens to `a/*`. */
  static async open(
    count: number,
    options: Record<string, unknown> = {},
  ): Promise<Tabs> {
    const tabs = new Tabs();
    const app = new App()
      .get("/healthz", (c) => c.text("ok"))
      .get("/held", async (c) => {
        await new Promise<void>((resolve) => tabs.thaw = resolve);
        return c.text("now");
      })
      .route("/push", createRouter(tabs.engine))
      .notFound(async (c) => await servePage(c.req.path) ?? c.text("", 404));
    const { url, stop } = await serve(app.fetch);
    tabs.#stop = stop;
    tabs.origin = url;
    tabs.browser = await Chromium.start();
    const context = await tabs.browser.context();
    for (let n = 0; n < count; n++) {
      tabs.all.push(await Tab.open(context, url, "a/*", options));
    }
    for (const tab of tabs.all) await tab.opened();
    return tabs;
  }

  /** The one that leads, and the others. */
  async parts(): Promise<{ leader: Tab; followers: Tab[] }> {
    const roles = await Promise.all(
      this.all.map(async (tab) => (await tab.known()).sharing),
    );
    const followers = this.all.filter((_, n) => roles[n] === "follower");
    assertEquals(roles.filter((role) => role === "leader").length, 1);
    assertEquals(followers.length, this.all.length - 1);
    return { leader: this.all[roles.indexOf("leader")]!, followers };
  }

  /** Responses that are open now. */
  get parked(): number {
    return [...this.engine.connections.values()]
      .filter(({ transport }) => transport !== undefined).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.thaw();
    await this.browser[Symbol.asyncDispose]();
    await this.engine.close();
    await this.#stop();
  }
}

/** Every tab has heard all, and no tab was told that anything is missing. */
async function settle(tabs: Tab[], publisher: Publisher): Promise<void> {
  await publisher.stop();
  for (const tab of tabs) {
    const { heard } = await tab.until(({ heard }) =>
      isCurrent(heard, publisher.ids)
    );
    assertWhole(heard, publisher);
    assert(!heard.includes("reset"));
  }
}

/** Waits until one of them leads. */
async function led(tabs: Tab[]): Promise<void> {
  await until(async () => {
    const known = await Promise.all(tabs.map((tab) => tab.known()));
    return known.some(({ sharing, state }) =>
      sharing === "leader" && state === "open"
    );
  }, "another one leads");
}

/**
 * Stops all that a page does until the server answers, while its locks and sockets stay
 * as they are. (Chromium freezes hidden pages only, and without a window none is.)
 */
const FREEZE = `(() => {
  const request = new XMLHttpRequest();
  request.open("GET", "/held", false);
  request.send();
})()`;

/** How often a leader is to be heard of follows from it. */
const SHARE = { share: true, openTimeout: 1_000 };

test("ten tabs that share hear everything over one connection", async () => {
  await using tabs = await Tabs.open(10, SHARE);
  await tabs.parts();
  await using publisher = new Publisher(`${tabs.origin}/push/a/b`);
  await publisher.more(50);
  assertEquals(tabs.engine.connections.size, 1);
  assertEquals(tabs.parked, 1);
  const ids = await Promise.all(
    tabs.all.map(async (tab) => (await tab.known()).id),
  );
  assertEquals(new Set(ids), new Set(tabs.engine.connections.keys()));
  await settle(tabs.all, publisher);
  // What one of them publishes, all of them hear.
  const id = await tabs.all[7]!.publish("a/c", "from the eighth");
  for (const tab of tabs.all) {
    await tab.until(({ heard }) => heard.some(([of]) => of === id));
  }
  assertEquals(tabs.browser.errors, []);
});

test("ten tabs that each have a connection are more than HTTP/1.1 carries; sharing is what helps", async () => {
  await using tabs = await Tabs.open(6, { transport: "stream" });
  assertEquals(tabs.parked, 6);
  const context = tabs.all[0]!.page.context();
  const seventh = await context.newPage();
  // Chromium has six sockets for a host; the seventh page gets none.
  const answered = seventh.goto(`${tabs.origin}/healthz`).then(() => true);
  await tabs.all[0]!.page.close();
  assert(await answered);
});

test("the death of a leader loses and doubles nothing in the other tabs", async () => {
  await using tabs = await Tabs.open(4, SHARE);
  await using publisher = new Publisher(`${tabs.origin}/push/a/b`);
  await publisher.more(20);
  let left = tabs.all;
  for (const _ of [1, 2]) {
    tabs.all.splice(0, Infinity, ...left);
    const { leader, followers } = await tabs.parts();
    await leader.page.close();
    left = followers;
    await led(left);
    await publisher.more(20);
  }
  await settle(left, publisher);
  assertEquals(tabs.parked, 1);
  assertEquals(tabs.browser.errors, []);
});

test("a frozen leader is replaced; nothing is lost or doubled, in its own tab neither", async () => {
  await using tabs = await Tabs.open(4, SHARE);
  await using publisher = new Publisher(`${tabs.origin}/push/a/b`);
  await publisher.more(20);
  const { leader, followers } = await tabs.parts();
  const frozen = leader.page.evaluate(FREEZE);
  await led(followers);
  await publisher.more(20);
  tabs.thaw();
  await frozen;
  await leader.until(({ sharing }) => sharing === "follower");
  await publisher.more(20);
  await settle(tabs.all, publisher);
  await tabs.parts();
  await until(() => tabs.parked === 1, "one connection");
  assertEquals(tabs.browser.errors, []);
});

test("the server's end loses nothing in silence in tabs that share", async () => {
  await using tabs = await Tabs.open(4, SHARE);
  await using publisher = new Publisher(`${tabs.origin}/push/a/b`);
  await publisher.more(20);
  for (const { id } of tabs.engine.connections.values()) {
    tabs.engine.drop(id, "expired");
  }
  await publisher.more(20);
  await settle(tabs.all, publisher);
  assertEquals(tabs.browser.errors, []);
});
