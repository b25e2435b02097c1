/**
 * What tests share that bring programs of their own: a browser, a proxy, servers of
 * both runtimes that die and come back, and a publisher that goes on meanwhile.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { existsSync } from "node:fs";
import process from "node:process";
import { pause, runtime } from "./harness.ts";
import { Child, standalone } from "./http/child.ts";

/** How long anything may take that a test waits for, in ms. */
const PATIENCE = 25_000;

/** Where a program is: on PATH, or where Debian keeps what servers run. */
function find(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin"];
  return folders.map((folder) => `${folder}/${name}`).find(existsSync);
}

/** What these tests need and this machine lacks. */
const missing = ["chromium", "nginx", "haproxy", "bun"].filter((name) =>
  !find(name)
);
/** `HALLEY_ALL=1` (as in the project's own checks): what is missing is a failure. */
const declared = runtime === "deno" &&
  (missing.length === 0 || process.env.HALLEY_ALL === "1");
if (runtime === "deno" && !declared) {
  console.warn(
    `Not run here, because ${missing.join(" and ")} is not installed: the ` +
      "tests in a browser and behind a proxy.",
  );
}

/**
 * Declares a test that starts programs. Deno starts them, those for Bun included;
 * so under Bun there is nothing of this kind to declare.
 */
export const test: (name: string, body: () => Promise<void>) => void = declared
  ? (name, body) => Deno.test(name, body)
  : () => {};

/** Servers run under each of them. */
export const RUNTIMES = ["deno", "bun"] as const;
/** Deno or Bun. */
export type Runtime = typeof RUNTIMES[number];

/** The root of the repository, with a slash. */
export const root = new URL("../", import.meta.url).pathname;

/** Where a program is; throws with what to do if it is nowhere. */
export function tool(name: string): string {
  const path = find(name);
  if (path) return path;
  throw new Error(`${name} is not on PATH; on Debian: apt-get install ${name}`);
}

/** What starts a program of this repository. */
export function command(runtime: Runtime, file: string): string[] {
  return runtime === "deno"
    ? [process.execPath, "run", "-A", root + file]
    : [tool("bun"), root + file];
}

type Falsy = false | "" | 0 | null | undefined | void;

/** Waits until `condition` gives something true, and returns it. */
export async function until<T>(
  condition: () => T | Promise<T>,
  what: string | (() => unknown) = String(condition),
): Promise<Exclude<T, Falsy>> {
  const start = Date.now();
  for (;;) {
    const result = await condition();
    if (result) return result as Exclude<T, Falsy>;
    const waited = Date.now() - start;
    if (waited > PATIENCE) {
      const state = typeof what === "string"
        ? what
        : JSON.stringify(await what(), null, 1);
      throw new Error(`It has not come to this: ${state}`);
    }
    // What takes long is looked at less often: to look into a page takes time, too.
    await pause(Math.min(5 + waited / 20, 50));
  }
}

/** The stand-alone server, which can be killed and started again on its port. */
export class Server {
  readonly port: number;
  /** Its address without a trailing slash. */
  readonly origin: string;
  /** The base of the protocol. */
  readonly url: string;
  readonly #command: string[];
  readonly #env: Record<string, string>;
  #child: Child;

  private constructor(
    port: number,
    child: Child,
    command: string[],
    env: Record<string, string>,
  ) {
    this.port = port;
    this.origin = `http://127.0.0.1:${port}`;
    this.url = `${this.origin}/push`;
    this.#child = child;
    this.#command = command;
    this.#env = env;
  }

  /** Starts one that forgets nothing by itself while a test runs. */
  static async start(
    runtime: Runtime,
    env: Record<string, string> = {},
  ): Promise<Server> {
    const own = command(
      runtime,
      runtime === "deno" ? "src/start.ts" : "src/main.ts",
    );
    const all = {
      HALLEY_HISTORY_FRAMES: "100000",
      HALLEY_HISTORY_BYTES: "100000000",
      ...env,
    };
    const { child, port } = await standalone(all, () => own);
    return new Server(port, child, own, all);
  }

  /** Kills it as no shutdown does. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exit;
  }

  /** Stops it in its tracks: connections stay, and nobody answers. */
  pause(): void {
    this.#child.kill("SIGSTOP");
  }

  /** Lets it go on. */
  resume(): void {
    this.#child.kill("SIGCONT");
  }

  /** What it has said so far. */
  get output(): string {
    return this.#child.output;
  }

  /** Starts it again where it was. */
  async restart(): Promise<void> {
    const env = { ...this.#env, PORT: `${this.port}` };
    this.#child = new Child(this.#command, env);
    await until(async () => {
      const health = await fetch(`${this.origin}/healthz`).catch(() => {});
      return await health?.text();
    }, () => this.#child.output);
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}

/** Publishes the numbers from 1 on, one after the other, until it is stopped. */
export class Publisher {
  /** The ids that the server gave, in their order. */
  readonly ids: string[] = [];
  /** Numbers whose answer was lost: they may have been published more than once. */
  readonly unsure = new Set<number>();
  readonly #done: Promise<void>;
  #stopped = false;

  /** Publishes to `url`, a channel; where nobody answers, it goes on trying. */
  constructor(url: string) {
    this.#done = this.#run(url);
  }

  /** Waits until it has published so many more. */
  async more(count: number): Promise<void> {
    const goal = this.ids.length + count;
    await until(() => this.ids.length >= goal, "published more");
  }

  /** Lets it finish what it has begun. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#done;
  }

  async #run(url: string): Promise<void> {
    let client = Deno.createHttpClient({});
    for (let number = 1; !this.#stopped; number++) {
      const key = crypto.randomUUID();
      while (!this.#stopped) {
        const id = await send(url, number, key, client).catch(() => {});
        if (id) {
          this.ids.push(id);
          break;
        }
        this.unsure.add(number);
        // This connection may lead to a node that cannot; another leads to another.
        client.close();
        client = Deno.createHttpClient({});
        await pause();
      }
      await pause();
    }
    client.close();
  }

  /** Ends it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Publishes one message, once for a key; resolves to its id. */
export async function send(
  url: string,
  data: unknown,
  key: string = crypto.randomUUID(),
  client?: Deno.HttpClient,
): Promise<string> {
  const response = await fetch(url, {
    ...(client && { client }),
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": key },
    body: JSON.stringify(data),
  });
  const { id } = await response.json();
  assert(id, `HTTP ${response.status}`);
  return id;
}

/** What a client has heard: a message's id and data, or that some are missing. */
export type Heard = readonly [id: string, data: unknown] | "reset";

/**
 * Whether `heard` ends where `published` does: what a publisher waits for before it
 * looks at the rest.
 */
export function isCurrent(heard: readonly Heard[], ids: string[]): boolean {
  const last = ids.at(-1);
  return heard.some((item) => item[0] === last);
}

/**
 * Nothing was lost in silence, nothing came twice or in another order: what was heard by
 * a client that was there before is what was published, but for gaps, each of them told
 * by a reset.
 */
export function assertWhole(
  heard: readonly Heard[],
  from: Pick<Publisher, "ids" | "unsure">,
): void {
  const { ids, unsure } = from;
  const seen = new Set<string>();
  let next = 0;
  let told = false;
  for (const item of heard) {
    if (item === "reset") {
      told = true;
      continue;
    }
    const [id, data] = item;
    assert(!seen.has(id), `${id} came twice`);
    seen.add(id);
    const index = ids.indexOf(id);
    if (index < 0) {
      assert(unsure.has(data as number), `${id} was not published`);
      continue;
    }
    if (!told) {
      assertEquals(index, next, `gap before ${id}: ${ids.slice(next, index)}`);
    }
    assert(index >= next, `${id} is out of order`);
    next = index + 1;
    told = false;
  }
  assertEquals(next, ids.length, "the end was not heard");
}
