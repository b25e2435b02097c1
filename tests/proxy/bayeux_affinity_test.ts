/**
 * Two nodes behind nginx and HAProxy, configured as docs/coming-from-cometd.md says:
 * every Bayeux session comes back to its own.
 */
import { assert, assertEquals } from "@std/assert";
import { send, test } from "../outside.ts";
import { Balanced, PROXIES } from "./balanced.ts";

const GUIDE = "docs/coming-from-cometd.md";

/** How many browsers come. */
const BROWSERS = 16;

/** A client as a browser has it: it keeps its cookie. */
class Browser {
  cookie = "";
  clientId: string | undefined;
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /** Sends a message; what comes back, the reply last. */
  // deno-lint-ignore no-explicit-any
  async send(message: Record<string, unknown>): Promise<any[]> {
    const { clientId } = this;
    const answer = await fetch(this.#url, {
      method: "POST",
      headers: this.cookie ? { cookie: this.cookie } : {},
      body: JSON.stringify([{ ...message, clientId }]),
    });
    const cookies = answer.headers.getSetCookie();
    if (cookies.length > 0) this.cookie = cookies[0]!.split(";")[0]!;
    return await answer.json();
  }

  /** Connects, and does not wait. */
  // deno-lint-ignore no-explicit-any
  async connect(): Promise<any[]> {
    return await this.send({
      channel: "/meta/connect",
      connectionType: "long-polling",
      advice: { timeout: 1 },
    });
  }
}

for (const name of PROXIES) {
  test(`${name} as in the guide brings a Bayeux session back to its node`, async () => {
    await using balanced = await Balanced.start(name, GUIDE, "/cometd");
    const browsers: Browser[] = [];
    for (let n = 0; n < BROWSERS; n++) {
      const browser = new Browser(`${balanced.origin}/cometd`);
      const [{ clientId }] = await browser.send({
        channel: "/meta/handshake",
        version: "1.0",
        supportedConnectionTypes: ["long-polling"],
      });
      browser.clientId = clientId;
      const subscribe = { channel: "/meta/subscribe", subscription: "/a" };
      const [{ successful }] = await browser.send(subscribe);
      assert(successful, balanced.output);
      await browser.connect();
      browsers.push(browser);
    }
    const cookies = new Set(browsers.map(({ cookie }) => cookie));
    assertEquals(cookies.size, BROWSERS);
    const counts = await balanced.followers("a");
    assert(counts.every((count) => count > 0), `${counts}`);
    assertEquals(counts[0]! + counts[1]!, BROWSERS);
    for (let round = 0; round < 3; round++) {
      for (const node of balanced.nodes) await send(`${node.url}/a`, round);
      for (const browser of browsers) {
        const [event] = await browser.connect();
        assertEquals(event, { channel: "/a", data: round });
      }
    }
  });
}
