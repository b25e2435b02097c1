/**
 * One port, served by every processor over Redis: the recipes of docs/deploying.md,
 * `deno serve --parallel` and Bun's `reusePort`.
 */
import { assert, assertEquals } from "@std/assert";
import process from "node:process";
import { pause, runtime, startCommand } from "../harness.ts";
import { Service, testWith } from "../services.ts";
import { Child, standalone } from "./child.ts";
import { listen, type Listener, publish } from "./halley.ts";

const test = testWith("redis-server");

/** The stand-alone server, as two threads (Deno) or two processes (Bun). */
class Pair implements AsyncDisposable {
  readonly listeners: Listener[] = [];
  readonly #service: Service;

  private constructor(
    service: Service,
    readonly children: readonly Child[],
    readonly origin: string,
  ) {
    this.#service = service;
  }

  static async start(): Promise<Pair> {
    const service = await Service.redis();
    const env = {
      HALLEY_REDIS: `redis://127.0.0.1:${service.port}`,
      HALLEY_REUSE_PORT: "1",
      HALLEY_DRAIN: "500",
      DENO_JOBS: "2",
    };
    const main = startCommand().at(-1)!.replace("start.ts", "main.ts");
    const command = (port: number) =>
      runtime === "bun" ? [process.execPath, main] : [
        process.execPath,
        ...["serve", "-A", "--parallel", "--host=127.0.0.1", `--port=${port}`],
        main,
      ];
    const { child, port } = await standalone(env, command);
    const children = [child];
    if (runtime === "bun") {
      const more = { ...env, PORT: String(port) };
      children.push(new Child(command(port), more));
    }
    const pair = new Pair(service, children, `http://127.0.0.1:${port}`);
    await pair.#spread();
    return pair;
  }

  /** Clients come until both have some; which of them takes one is chance. */
  async #spread(): Promise<void> {
    for (;;) {
      this.listeners.push(await this.#listener());
      const number = this.listeners.length;
      const own = await this.#connections();
      if (own > 0 && own < number) return;
      assert(number < 500, `one of two has all of ${number} connections`);
      // The other may be starting.
      await pause(50);
    }
  }

  /** A client; one that is still starting sends it away, and it comes again. */
  async #listener(): Promise<Listener> {
    for (;;) {
      const listener = await listen(`${this.origin}/push/news`);
      const first = await listener.next();
      if (first?.frame.type === "open") return listener;
      assertEquals(first?.frame.code, "unavailable");
      await listener.close();
    }
  }

  /** How many connections the one has that happens to answer. */
  async #connections(): Promise<number> {
    const headers = { connection: "close" };
    const response = await fetch(`${this.origin}/metrics`, { headers });
    const text = await response.text();
    return Number(
      /^halley_connections{transport="sse"} (\d+)$/m.exec(text)![1],
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.children) await child[Symbol.asyncDispose]();
    for (const listener of this.listeners) await listener.close();
    await this.#service[Symbol.asyncDispose]();
  }
}

test("what is published at one of two that share a port is heard at both, once and in order", async () => {
  await using pair = await Pair.start();
  const ids: string[] = [];
  for (const data of [1, 2, 3]) {
    const response = await publish(`${pair.origin}/push/news`, data);
    const answer = await response.json();
    assertEquals(response.status, 200, JSON.stringify(answer));
    ids.push(answer.id);
  }
  for (const listener of pair.listeners) {
    const heard = [];
    while (heard.length < 3) heard.push(await listener.frame("message"));
    assertEquals(heard.map(({ id }) => id), ids);
    assertEquals(heard.map(({ data }) => data), [1, 2, 3]);
  }
  // With a common backplane there is no neighbour to warn of.
  for (const { output } of pair.children) {
    assert(!output.includes("Another engine"), output);
  }
});

test("both tell their clients to come back when they are ended, and are gone", async () => {
  await using pair = await Pair.start();
  for (const child of pair.children) child.kill("SIGTERM");
  for (const listener of pair.listeners) {
    assertEquals((await listener.frame("close")).code, "shutdown");
  }
  for (const child of pair.children) {
    assertEquals(await child.exit, 0, child.output);
  }
});
