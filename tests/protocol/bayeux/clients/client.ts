/**
 * Real clients as programs of their own, and a wire to them that loses answers.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import process from "node:process";
import { App } from "../../../../src/deps.ts";
import { createEngine, type Engine } from "../../../../src/engine.ts";
import type { EngineOptions } from "../../../../src/options.ts";
import { bayeux } from "../../../../src/protocol/bayeux.ts";
import type { BayeuxOptions } from "../../../../src/protocol/bayeux/options.ts";
import { createRouter } from "../../../../src/router.ts";
import { runtime, serve } from "../../../harness.ts";
import { type Proxy, proxy } from "../../../http/sockets.ts";

/** Every client, as npm has it. */
export const LIBRARIES = [
  "cometd3",
  "cometd4",
  "cometd5",
  "cometd7",
  "cometd8",
  "cometd9",
  "faye",
] as const;
/** One of them. */
export type Library = typeof LIBRARIES[number];

const program = new URL("driver.ts", import.meta.url).pathname;
const command = runtime === "deno"
  ? [process.execPath, "run", "-A", program]
  : [process.execPath, program];

/** An event, and the subscription whose listener got it. */
export interface Event {
  readonly subscription: string;
  readonly channel: string;
  readonly data: unknown;
}

/** What a client is told in answer to what it asks. */
export interface Answer {
  readonly successful: boolean;
  readonly error?: string;
  readonly data?: unknown;
}

/** A client of a library. */
export class Client {
  /** What its listeners got, oldest first. */
  readonly events: Event[] = [];
  /** The clientIds of its handshakes. */
  readonly handshakes: string[] = [];
  /** Whether its connects were answered, oldest first. */
  readonly connects: boolean[] = [];
  readonly #child: ChildProcess;
  readonly #replies = new Map<number, (value: never) => void>();
  readonly #exit: Promise<unknown>;
  #asked = 0;
  #ready = false;
  #gone = false;
  #output = "";
  #look: () => void = () => {};

  private constructor(library: Library, url: string, options: unknown) {
    const { PATH = "", HOME = "" } = process.env;
    const args = [...command.slice(1), library, url, JSON.stringify(options)];
    this.#child = spawn(command[0]!, args, {
      env: { PATH, HOME, NO_COLOR: "1" },
      stdio: ["pipe", "pipe", "pipe"],
    });
    const lines = createInterface(this.#child.stdout!);
    lines.on("line", (line) => this.#take(line));
    this.#child.stderr!.on("data", (bytes) => this.#output += bytes);
    this.#exit = new Promise((resolve) =>
      this.#child.once("close", () => {
        this.#gone = true;
        this.#look();
        resolve(undefined);
      })
    );
  }

  /** Starts one that has asked for nothing yet. */
  static async idle(
    library: Library,
    url: string,
    options: Record<string, unknown> = {},
  ): Promise<Client> {
    const client = new Client(library, url, options);
    await client.until(() => client.#ready);
    return client;
  }

  /** Starts one that has shaken hands. */
  static async start(
    library: Library,
    url: string,
    options: Record<string, unknown> = {},
  ): Promise<Client> {
    const client = await Client.idle(library, url, options);
    const { successful, error } = await client.do("handshake");
    if (!successful) throw new Error(`${library}: ${error}`);
    return client;
  }

  /** Has it do something. */
  async do<T = Answer>(command: string, ...args: unknown[]): Promise<T> {
    const id = ++this.#asked;
    let reply: { value: T } | undefined;
    this.#replies.set(id, (value) => reply = { value });
    this.#child.stdin!.write(`${JSON.stringify([id, command, ...args])}\n`);
    await this.until(() => reply);
    return reply!.value;
  }

  /** Waits until something is true of it. */
  async until(condition: () => unknown): Promise<void> {
    while (!condition()) {
      if (this.#gone) throw new Error(`It ended with: ${this.#output}`);
      await new Promise<void>((resolve) => this.#look = resolve);
    }
  }

  /** The data of the first so many events. */
  async hears(count: number): Promise<unknown[]> {
    await this.until(() => this.events.length >= count);
    return this.events.map(({ data }) => data);
  }

  #take(line: string): void {
    if (!line.startsWith("@")) this.#output += `${line}\n`;
    else {
      const said = JSON.parse(line.slice(1));
      if ("ready" in said) this.#ready = true;
      if ("event" in said) this.events.push(said.event);
      if (said.handshake) this.handshakes.push(said.clientId);
      if ("connect" in said) this.connects.push(said.connect);
      if ("reply" in said) {
        this.#replies.get(said.reply)?.(said.value as never);
        this.#replies.delete(said.reply);
      }
    }
    const look = this.#look;
    this.#look = () => {};
    look();
  }

  /** Ends it, without a word to the server. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exit;
  }
}

/** A Halley that natives, CometD and Faye can reach. */
export interface Served extends AsyncDisposable {
  readonly engine: Engine;
  readonly port: number;
  /** Where natives go. */
  readonly push: string;
  /** Where Bayeux clients go. */
  readonly url: string;
}

/** Starts one on which anyone may do anything. */
export async function start(
  options: BayeuxOptions = {},
  engineOptions: EngineOptions = {},
): Promise<Served> {
  const policy = { allow: () => true };
  const engine = createEngine({ policy, ...engineOptions });
  const protocols = [bayeux(options)];
  const app = new App().route("/", createRouter(engine, { protocols }));
  const server = await serve(app.fetch);
  return {
    engine,
    port: server.port,
    push: server.url,
    url: `${server.url}/cometd`,
    async [Symbol.asyncDispose]() {
      await engine.close();
      await server.stop();
    },
  };
}

/** A wire between one client and the server. */
export class Wire {
  /** How many answers it has lost. */
  lost = 0;
  #losing: string | undefined;
  #proxy!: Proxy;

  /** Lays one to `port`, or to what it says by then. */
  static async lay(port: number | (() => number)): Promise<Wire> {
    const wire = new Wire();
    const decoder = new TextDecoder();
    wire.#proxy = await proxy(port, () => Infinity, (bytes) => {
      const losing = wire.#losing;
      if (losing === undefined) return bytes;
      if (!decoder.decode(bytes).includes(losing)) return bytes;
      wire.#losing = undefined;
      wire.lost++;
      wire.cut();
      return new Uint8Array();
    });
    return wire;
  }

  /** Where the client goes. */
  get url(): string {
    return `http://127.0.0.1:${this.#proxy.port}/cometd`;
  }

  /** Loses the next answer that has `text` in it, and the connections with it. */
  lose(text: string): void {
    this.#losing = text;
  }

  /** Cuts every connection. */
  cut(): void {
    this.#proxy.cut();
  }

  /** Takes it away. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#proxy.stop();
  }
}
