/**
 * Several tabs of one browser, in front of an engine that tests can look into.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { App } from "../../src/deps.ts";
import { createEngine, type Engine } from "../../src/engine.ts";
import { servePage } from "../../src/page/serve.ts";
import { createRouter } from "../../src/router.ts";
import { serve } from "../harness.ts";
import { assertWhole, isCurrent, type Publisher, until } from "../outside.ts";
import { Chromium, Tab } from "./browser.ts";

/** Tabs in one browser, and the engine that they listen to over HTTP/1.1. */
export class Tabs {
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

  /** Opens so many; each listens to `a/*`, or to what `channel` says of it. */
  static async open(
    count: number,
    options: Record<string, unknown> = {},
    channel: (n: number) => string = () => "a/*",
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
      tabs.all.push(await Tab.open(context, url, channel(n), options));
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
export async function settle(tabs: Tab[], publisher: Publisher): Promise<void> {
  await publisher.stop();
  for (const tab of tabs) {
    const { heard, events } = await tab.until(({ heard }) =>
      isCurrent(heard, publisher.ids)
    );
    assertWhole(heard, publisher);
    assert(!events.includes("reconnect internal"), `${events}`);
    assert(!heard.includes("reset"));
  }
}

/** Waits until one of them leads. */
export async function led(tabs: Tab[]): Promise<void> {
  await until(async () => {
    const known = await Promise.all(tabs.map((tab) => tab.known()));
    return known.some(({ sharing, state }) =>
      sharing === "leader" && state === "open"
    );
  }, "another one leads");
}
