/**
 * Two nodes behind nginx and HAProxy, configured as docs/coming-from-cometd.md says:
 * every Bayeux session comes back to its own.
 */
import { assert, assertEquals } from "@std/assert";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import process from "node:process";
import { blocksOf, read } from "../documents.ts";
import { Child, freePort } from "../http/child.ts";
import { send, Server, test, tool, until } from "../outside.ts";

const blocks = blocksOf(read("docs/coming-from-cometd.md"));

/** How many browsers come. */
const BROWSERS = 16;

/** A configuration of the guide as a whole file, and what runs it. */
const PROXIES: Record<
  string,
  (folder: string, config: string) => [text: string, command: string[]]
> = {
  nginx(folder, config) {
    const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${folder}/${name};`).join("\n");
    const user = process.getuid?.() === 0 ? "user root;" : "";
    const text = `${user} daemon off; pid ${folder}/pid; error_log stderr;
      events {} http { access_log off; ${paths} ${config} }`;
    const file = `${folder}/config`;
    return [text, [tool("nginx"), "-p", folder, "-c", file, "-e", "stderr"]];
  },
  haproxy: (folder, config) => [
    config,
    [tool("haproxy"), "-db", "-f", `${folder}/config`],
  ],
};

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

/** How many follow `a` on a node. */
async function followers({ url }: Server): Promise<number> {
  const answer = await fetch(`${url}/$presence?channel=a`);
  return (await answer.json()).presence.a.length;
}

for (const [name, whole] of Object.entries(PROXIES)) {
  test(`${name} as in the guide brings a Bayeux session back to its node`, async () => {
    await using one = await Server.start("deno");
    await using two = await Server.start("bun");
    const nodes = [one, two];
    const port = await freePort();
    const folder = await mkdtemp(`${tmpdir()}/halley-affinity-`);
    const config = blocks.find(({ language }) => language === name)!.text
      .replaceAll("8000", `${port}`).replaceAll("8001", `${one.port}`)
      .replaceAll("8002", `${two.port}`);
    const [text, command] = whole(folder, config);
    await writeFile(`${folder}/config`, text);
    await using proxy = new Child(command);
    const url = `http://127.0.0.1:${port}/cometd`;
    await until(async () => {
      const answer = await fetch(url).catch(() => {});
      await answer?.body?.cancel();
      return answer?.status === 400;
    }, () => proxy.output);

    const browsers: Browser[] = [];
    for (let n = 0; n < BROWSERS; n++) {
      const browser = new Browser(url);
      const [{ clientId }] = await browser.send({
        channel: "/meta/handshake",
        version: "1.0",
        supportedConnectionTypes: ["long-polling"],
      });
      browser.clientId = clientId;
      const subscribe = { channel: "/meta/subscribe", subscription: "/a" };
      assert((await browser.send(subscribe))[0].successful, proxy.output);
      await browser.connect();
      browsers.push(browser);
    }
    const cookies = new Set(browsers.map(({ cookie }) => cookie));
    assertEquals(cookies.size, BROWSERS);
    const counts = await Promise.all(nodes.map(followers));
    assert(counts.every((count) => count > 0), `${counts}`);
    assertEquals(counts[0]! + counts[1]!, BROWSERS);
    for (let round = 0; round < 3; round++) {
      for (const node of nodes) await send(`${node.url}/a`, round);
      for (const browser of browsers) {
        const [event] = await browser.connect();
        assertEquals(event, { channel: "/a", data: round });
      }
    }
    proxy.kill("SIGTERM");
    await proxy.exit;
    await rm(folder, { recursive: true });
  });
}
