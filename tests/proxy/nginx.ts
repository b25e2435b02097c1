/**
 * A real nginx in front of a stand-alone server, and clients in processes of their own
 * that listen through it.
 * @module
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import process from "node:process";
import { Child } from "../http/child.ts";
import {
  command,
  type Heard,
  type Runtime,
  RUNTIMES,
  Server,
  tool,
  until,
} from "../outside.ts";
import { freePort } from "../port.ts";

/** nginx on a free port, with a configuration of its own. */
export class Nginx {
  readonly port: number;
  readonly #folder: string;
  readonly #upstream: number;
  #child!: Child;

  private constructor(folder: string, port: number, upstream: number) {
    this.#folder = folder;
    this.port = port;
    this.#upstream = upstream;
  }

  /** Starts it; `directives` stand beside its `proxy_pass`. */
  static async start(upstream: number, directives = ""): Promise<Nginx> {
    const folder = await mkdtemp(`${tmpdir()}/halley-nginx-`);
    const nginx = new Nginx(folder, await freePort(), upstream);
    await nginx.#configure(directives);
    await nginx.up();
    return nginx;
  }

  /** The base of the protocol, through it. */
  get url(): string {
    return `http://127.0.0.1:${this.port}/push`;
  }

  /** What it has logged of requests that have ended: status, transport, encoding. */
  async log(): Promise<string> {
    return await readFile(`${this.#folder}/access.log`, "utf8");
  }

  /** Reads its configuration again, as `nginx -s reload` has it. */
  async reload(directives = ""): Promise<void> {
    await this.#configure(directives);
    process.kill(this.#child.process.pid!, "SIGHUP");
  }

  /** Ends it, without a word to those who are connected. */
  async down(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.exit;
  }

  /** Starts it where it was. */
  async up(): Promise<void> {
    const file = `${this.#folder}/nginx.conf`;
    const own = [tool("nginx"), "-p", this.#folder, "-c", file];
    const child = this.#child = new Child([...own, "-e", "stderr"]);
    let gone = false;
    child.exit.then(() => gone = true);
    const health = this.url.replace(/push$/, "healthz");
    await until(async () => {
      if (gone) throw new Error(`nginx ended with: ${child.output}`);
      return await (await fetch(health).catch(() => {}))?.text();
    }, () => child.output);
  }

  /** Ends it and its files. */
  async [Symbol.asyncDispose](): Promise<void> {
    // A master that is killed leaves its workers behind.
    await this.down().catch(() => {});
    await rm(this.#folder, { recursive: true });
  }

  async #configure(directives: string): Promise<void> {
    const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${this.#folder}/${name};`);
    const user = process.getuid?.() === 0 ? "user root;" : "";
    await writeFile(
      `${this.#folder}/nginx.conf`,
      `${user}
daemon off;
worker_processes 1;
pid ${this.#folder}/pid;
error_log stderr error;
events { worker_connections 256; }
http {
  ${paths.join("\n  ")}
  log_format short "$status $arg_transport [$sent_http_content_encoding]";
  access_log ${this.#folder}/access.log short;
  server {
    listen 127.0.0.1:${this.port};
    location / {
      proxy_pass http://127.0.0.1:${this.#upstream};
      ${directives}
    }
  }
}
`,
    );
  }
}

/** A client in a process of its own, which says what it hears. */
export class Listener implements AsyncDisposable {
  readonly #child: Child;
  readonly #name: string;

  /** Starts it; `options` are those of a client. */
  constructor(
    runtime: Runtime,
    url: string,
    options: Record<string, unknown> = {},
  ) {
    this.#name = `${runtime} ${JSON.stringify(options)}`;
    const own = command(runtime, "tests/proxy/listener.ts");
    this.#child = new Child([...own, url, JSON.stringify(options)]);
  }

  /** What it has heard of messages so far. */
  get heard(): Heard[] {
    return this.#said.filter(([name]) => name === "message" || name === "reset")
      .map(([name, id, data]) =>
        name === "reset" ? name : [id as string, data]
      );
  }

  /** What happened to its connection: `open stream`, `reconnect cut`. */
  get events(): string[] {
    return this.#said.filter(([name]) =>
      name === "open" || name === "reconnect"
    )
      .map(([name, what]) => `${name} ${what}`);
  }

  /** The transport it was last connected with. */
  get transport(): string | undefined {
    return this.events.findLast((event) => event.startsWith("open"))?.slice(5);
  }

  /** Waits until it is as `is` says. */
  async until(is: (listener: this) => unknown): Promise<void> {
    await until(() => is(this), () => ({
      name: this.#name,
      wanted: String(is),
      events: this.events,
      heard: this.heard.slice(-5),
      output: this.#child.output.slice(-500),
    }));
  }

  /** Ends it as a user would, so that its connection is given up. */
  async close(): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.exit;
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }

  get #said(): string[][] {
    const lines = this.#child.output.split("\n").slice(0, -1);
    return lines.filter((line) => line[0] === "[").map((line) =>
      JSON.parse(line)
    );
  }
}

/** A server, nginx in front of it, and a client of each runtime behind that. */
export class Route {
  readonly server: Server;
  readonly nginx: Nginx;
  readonly listeners: Listener[] = [];

  private constructor(server: Server, nginx: Nginx) {
    this.server = server;
    this.nginx = nginx;
  }

  /** Starts all of it; `options` are those of the clients, one set after the other. */
  static async start(
    { runtime = "deno", env = {}, directives = "", options = [{}] }: {
      runtime?: Runtime;
      env?: Record<string, string>;
      directives?: string;
      options?: Record<string, unknown>[];
    },
  ): Promise<Route> {
    const server = await Server.start(runtime, env);
    const nginx = await Nginx.start(server.port, directives);
    const route = new Route(server, nginx);
    for (const own of options) {
      for (const runtime of RUNTIMES) {
        route.listeners.push(new Listener(runtime, nginx.url, own));
      }
    }
    return route;
  }

  /** Waits until every client is as `is` says. */
  async all(is: (listener: Listener) => unknown): Promise<void> {
    for (const listener of this.listeners) await listener.until(is);
  }

  /** Ends all of it. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const listener of this.listeners) {
      await listener[Symbol.asyncDispose]();
    }
    await this.nginx[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}
