/**
 * Pages with a client of Comet4J, in front of an engine that tests can look into.
 * @module
 */
import { App } from "../../src/deps.ts";
import { createEngine, type Engine } from "../../src/engine.ts";
import { readFileSync } from "node:fs";
import type { LimitsOptions } from "../../src/options.ts";
import { comet4j, type Comet4jOptions } from "../../src/protocol/comet4j.ts";
import { createRouter } from "../../src/router.ts";
import { serve, type Server } from "../harness.ts";
import { until } from "../outside.ts";
import { type BrowserContext, Chromium, type Page } from "./browser.ts";

/** Both generations of clients. */
export const VERSIONS = ["0.0.2", "0.1.7"] as const;

const ENGINE = readFileSync(
  new URL("../../examples/comet4j-chat/engine.js", import.meta.url),
  "utf8",
);

/** What a page has heard, oldest first: an event's name, then what it was told. */
export type Heard = [name: string, ...args: unknown[]][];

/** A browser, and a site with Comet4J at `/conn`. */
export class Pages {
  readonly engine: Engine;
  readonly browser: Chromium;
  readonly context: BrowserContext;
  /** The queries that `/conn` was asked for. */
  readonly asked: URLSearchParams[];
  readonly #server: Server;

  private constructor(
    engine: Engine,
    server: Server,
    browser: Chromium,
    context: BrowserContext,
    asked: URLSearchParams[],
  ) {
    this.engine = engine;
    this.#server = server;
    this.browser = browser;
    this.context = context;
    this.asked = asked;
  }

  /** Opens a site. */
  static async open(
    options: Comet4jOptions = {},
    limits: LimitsOptions = {},
  ): Promise<Pages> {
    const engine = createEngine({ policy: { allow: () => true }, limits });
    const asked: URLSearchParams[] = [];
    const app = new App()
      .get("/", (c) => c.html("<!doctype html><title>x</title>"))
      .use("/conn", async (c, next) => {
        asked.push(new URL(c.req.url).searchParams);
        await next();
      })
      .route("/conn", comet4j(options).router(engine))
      .route("/push", createRouter(engine));
    const server = await serve(app.fetch);
    const browser = await Chromium.start();
    const context = await browser.context();
    return new Pages(engine, server, browser, context, asked);
  }

  /** The address of the site. */
  get origin(): string {
    return this.#server.url;
  }

  /** A tab with a client that has started, and notes what it hears on `channels`. */
  async tab(version: string, ...channels: string[]): Promise<Tab> {
    const page = await this.context.newPage();
    await page.goto(`${this.origin}/`);
    return await Tab.start(page, version, channels);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.browser[Symbol.asyncDispose]();
    await this.engine.close();
    await this.#server.stop();
  }
}

/** A page with a client. */
export class Tab {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** Starts a client in a page; it notes what it hears on `channels`. */
  static async start(
    page: Page,
    version: string,
    channels: string[],
  ): Promise<Tab> {
    await page.addScriptTag({ content: ENGINE });
    await page.evaluate(`(() => {
      const heard = globalThis.heard = [];
      const client = globalThis.client = new JS.Client("${version}");
      const note = (name) => (...args) => {
        heard.push([name, ...args.filter((it) => it !== client)]);
      };
      client.on("start", note("start"));
      client.on("stop", note("stop"));
      client.start("/conn", "uid=7");
      for (const name of ${JSON.stringify(channels)}) {
        client.on(name, note(name));
      }
    })()`);
    return new Tab(page);
  }

  /** What it has heard so far. */
  async heard(): Promise<Heard> {
    return await this.page.evaluate("heard");
  }

  /** The data it has heard on a channel. */
  async data(channel: string): Promise<unknown[]> {
    const heard = await this.heard();
    return heard.filter(([name]) => name === channel).map(([, data]) => data);
  }

  /** Waits until what it has heard is as `is` says. */
  async until(is: (heard: Heard) => unknown): Promise<Heard> {
    let heard: Heard = [];
    const look = async () => is(heard = await this.heard());
    await until(look, () => ({ wanted: String(is), heard: heard.slice(-9) }));
    return heard;
  }

  /** Its connection's id, once it has started. */
  async started(): Promise<string> {
    const heard = await this.until((heard) =>
      heard.some(([name]) => name === "start")
    );
    return heard.find(([name]) => name === "start")![1] as string;
  }
}
