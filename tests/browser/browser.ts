/**
 * Chromium without a window, and Halley's client in its pages.
 * @module
 */
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from "npm:playwright-core@^1.64.0";
import { runtime } from "../harness.ts";
import { type Heard, tool, until } from "../outside.ts";

export type { BrowserContext, Page };

/** A name of this machine whose pages are no secure contexts, as with plain http. */
export const PLAIN = "plain.test";

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  `--host-resolver-rules=MAP ${PLAIN} 127.0.0.1`,
];

/** The browser that runs, once a test of this file has needed it. */
let running: Promise<Browser> | undefined;
if (runtime === "deno") {
  Deno.test.afterAll(async () => await (await running)?.close());
}

function launch(): Promise<Browser> {
  const executablePath = tool("chromium");
  // Pages are kept for whoever goes back to them, as users' browsers do.
  const ignoreDefaultArgs = ["--disable-back-forward-cache"];
  return chromium.launch({ executablePath, args: FLAGS, ignoreDefaultArgs });
}

/** A browser with profiles of its own, and what its pages complain about. */
export class Chromium {
  /** Errors of pages, and what they write to the console as such. */
  readonly errors: string[] = [];
  readonly #browser: Browser;
  readonly #contexts: BrowserContext[] = [];

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  /** Starts it, unless it runs. */
  static async start(): Promise<Chromium> {
    return new Chromium(await (running ??= launch()));
  }

  /** Tabs that share what an origin's tabs share. */
  async context(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    const context = await this.#browser.newContext(options);
    this.#contexts.push(context);
    context.setDefaultTimeout(15_000);
    context.on("weberror", (error) => this.errors.push(`${error.error()}`));
    return context;
  }

  /** A page at `url`, in a context of its own. */
  async page(url: string, options?: BrowserContextOptions): Promise<Page> {
    const page = await (await this.context(options)).newPage();
    await page.goto(url);
    return page;
  }

  /** Ends all of it that is this test's. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#contexts.map((context) => context.close()));
  }
}

/** What a page knows of its client. */
export interface Known {
  readonly state: string;
  readonly transport?: string;
  readonly sharing: string;
  readonly id?: string;
  readonly heard: Heard[];
  /** Events of the connection, oldest first. */
  readonly events: string[];
}

/** A page with a client that notes what it hears. */
export class Tab {
  readonly page: Page;

  /** Use {@linkcode Tab.open}. */
  constructor(page: Page) {
    this.page = page;
  }

  /**
   * A page of `origin` that listens to `channel` with `client.ts`, as the stand-alone
   * server serves it. The page itself is an empty one.
   */
  static async open(
    context: BrowserContext,
    origin: string,
    channel: string,
    options: Record<string, unknown> = {},
  ): Promise<Tab> {
    const page = await context.newPage();
    await page.goto(`${origin}/healthz`);
    return await Tab.listen(page, channel, options);
  }

  /** The same in a page of a server that is there already. */
  static async listen(
    page: Page,
    channel: string,
    options: Record<string, unknown> = {},
  ): Promise<Tab> {
    await page.evaluate(`(async () => {
      const { createClient } = await import("/page/client.ts");
      const backoff = { min: 20, max: 200 };
      const options = ${JSON.stringify(options)};
      const client = createClient("/push", { backoff, ...options });
      const heard = [], events = [];
      for (const name of ["open", "reconnect", "close", "error"]) {
        client.on(name, (event) => events.push(name + " " +
          (event.transport ?? event.code ?? event)));
      }
      client.on("reset", () => heard.push("reset"));
      client.subscribe(${JSON.stringify(channel)}, (data, { id }) => {
        heard.push([id, data]);
      });
      globalThis.tab = { client, heard, events };
    })()`);
    return new Tab(page);
  }

  /** What its client knows. */
  async known(): Promise<Known> {
    return await this.page.evaluate(`(() => {
      const { client: { state, transport, sharing, id }, heard, events } = tab;
      return { state, transport, sharing, id, heard, events };
    })()`);
  }

  /** Waits until what its client knows is as `is` says. */
  async until(is: (known: Known) => unknown): Promise<Known> {
    let known = await this.known();
    const look = async () => is(known = await this.known());
    await until(look, () => ({ wanted: String(is), ...known }));
    return known;
  }

  /** Waits until it is connected, alone or through another tab. */
  async opened(): Promise<Known> {
    return await this.until(({ state }) => state === "open");
  }

  /** Publishes; resolves to the message's id. */
  async publish(channel: string, data: unknown): Promise<string> {
    const args = JSON.stringify([channel, data]);
    return await this.page.evaluate(`tab.client.publish(...${args})`);
  }
}
