/**
 * Pages with the clients of CometD and Faye, as npm has them.
 * @module
 */
import { root, until } from "../outside.ts";
import type { BrowserContext, Page } from "./browser.ts";

/** What a page knows of its client. */
export interface Known {
  readonly transport: string;
  /** How often it has shaken hands. */
  readonly handshakes: number;
  readonly heard: unknown[];
}

/** A page with a client, which notes what it hears. */
export class BayeuxPage {
  readonly page: Page;
  /** How many WebSockets it has tried. */
  sockets = 0;
  readonly #script: string;

  private constructor(page: Page, script: string) {
    this.page = page;
    this.#script = script;
    page.on("websocket", () => this.sockets++);
  }

  /** A page of `origin` in which `script` makes `client`, once it is there. */
  static async open(
    context: BrowserContext,
    origin: string,
    script: string,
  ): Promise<BayeuxPage> {
    const page = await context.newPage();
    const opened = new BayeuxPage(page, script);
    await page.route("**/npm/**", async (route) => {
      const path = new URL(route.request().url()).pathname.slice(5);
      await route.fulfill({ path: `${root}node_modules/${path}` });
    });
    await page.goto(`${origin}/healthz`);
    await opened.#run();
    return opened;
  }

  /** Loads it anew, as its user does. */
  async reload(): Promise<void> {
    await this.page.reload();
    await this.#run();
  }

  #run(): Promise<unknown> {
    return this.page.evaluate(`(async () => {
      const known = globalThis.known = { transport: "", handshakes: 0, heard: [] };
      ${this.#script}
    })()`);
  }

  /** What it knows. */
  async known(): Promise<Known> {
    return await this.page.evaluate("known");
  }

  /** Waits until what it knows is as `is` says. */
  async until(is: (known: Known) => unknown): Promise<Known> {
    let known = await this.known();
    const look = async () => is(known = await this.known());
    await until(look, () => ({ wanted: String(is), ...known }));
    return known;
  }
}

/** CometD with its default options, but for what `change` does to `client`. */
export function cometd(url: string, change = ""): string {
  return `
    const { CometD } = await import("/npm/cometd/cometd.js");
    const client = globalThis.client = new CometD();
    client.configure({ url: ${JSON.stringify(url)} });
    ${change}
    client.addListener("/meta/handshake", ({ successful }) => {
      if (!successful) return;
      known.handshakes++;
      client.subscribe("/chat/*", ({ data }) => known.heard.push(data));
    });
    client.addListener("/meta/connect", ({ successful }) => {
      if (successful) known.transport = client.getTransport().type;
    });
    client.handshake();
  `;
}

/** Faye's client for browsers. */
export function faye(url: string, change = ""): string {
  return `
    await new Promise((resolve) => {
      const script = document.createElement("script");
      script.src = "/npm/faye/client/faye-browser.js";
      script.onload = resolve;
      document.documentElement.append(script);
    });
    const client = globalThis.client = new Faye.Client(${
    JSON.stringify(url)
  }, { retry: 1 });
    ${change}
    client.addExtension({ incoming(message, callback) {
      if (message.channel === "/meta/handshake") known.handshakes++;
      callback(message);
    } });
    await client.subscribe("/chat/*", (data) => known.heard.push(data));
    known.transport = client._dispatcher.connectionType;
  `;
}
