/**
 * Two nodes behind a real nginx or HAProxy, configured as a guide says.
 * @module
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import process from "node:process";
import { blocksOf, read } from "../documents.ts";
import { Child } from "../http/child.ts";
import { Server, tool, until } from "../outside.ts";
import { freePort } from "../port.ts";

/** A configuration of a guide as a whole file in `folder`, and what runs it. */
const WHOLE = {
  nginx(folder: string, config: string): [text: string, command: string[]] {
    const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${folder}/${name};`).join("\n");
    const user = process.getuid?.() === 0 ? "user root;" : "";
    const text = `${user} daemon off; pid ${folder}/pid; error_log stderr;
      events {} http { access_log off; ${paths} ${config} }`;
    const file = `${folder}/config`;
    return [text, [tool("nginx"), "-p", folder, "-c", file, "-e", "stderr"]];
  },
  haproxy: (folder: string, config: string): [string, string[]] => [
    config,
    [tool("haproxy"), "-db", "-f", `${folder}/config`],
  ],
};

/** The proxies that guides have a configuration for. */
export const PROXIES = ["nginx", "haproxy"] as const;

/** A proxy, and the nodes behind it: one under each runtime. */
export class Balanced implements AsyncDisposable {
  readonly nodes: readonly Server[];
  /** Where clients go, without a path. */
  readonly origin: string;
  readonly #proxy: Child;
  readonly #folder: string;

  private constructor(
    nodes: readonly Server[],
    port: number,
    proxy: Child,
    folder: string,
  ) {
    this.nodes = nodes;
    this.origin = `http://127.0.0.1:${port}`;
    this.#proxy = proxy;
    this.#folder = folder;
  }

  /** Starts `proxy` as `guide` says; it is there when `path` is answered with 400. */
  static async start(
    proxy: typeof PROXIES[number],
    guide: string,
    path: string,
  ): Promise<Balanced> {
    const block = blocksOf(read(guide)).find(({ language }) =>
      language === proxy
    );
    const one = await Server.start("deno");
    const two = await Server.start("bun");
    const port = await freePort();
    const folder = await mkdtemp(`${tmpdir()}/halley-affinity-`);
    const config = block!.text.replaceAll("8000", `${port}`)
      .replaceAll("8001", `${one.port}`).replaceAll("8002", `${two.port}`);
    const [text, command] = WHOLE[proxy](folder, config);
    await writeFile(`${folder}/config`, text);
    const child = new Child(command);
    const balanced = new Balanced([one, two], port, child, folder);
    try {
      await until(async () => {
        const answer = await fetch(balanced.origin + path).catch(() => {});
        await answer?.body?.cancel();
        return answer?.status === 400;
      }, () => child.output);
    } catch (error) {
      await balanced[Symbol.asyncDispose]();
      throw error;
    }
    return balanced;
  }

  /** What the proxy has said. */
  get output(): string {
    return this.#proxy.output;
  }

  /** How many follow `channel`, node by node. */
  followers(channel: string): Promise<number[]> {
    return Promise.all(this.nodes.map(async ({ url }) => {
      const answer = await fetch(`${url}/$presence?channel=${channel}`);
      return (await answer.json()).presence[channel].length;
    }));
  }

  /** Ends all of it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#proxy.kill("SIGTERM");
    await this.#proxy.exit;
    await rm(this.#folder, { recursive: true });
    for (const node of this.nodes) await node[Symbol.asyncDispose]();
  }
}
