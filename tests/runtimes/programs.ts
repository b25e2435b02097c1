/**
 * Programs as users have them: in a folder of their own, with an empty home,
 * under the real runtimes.
 * @module
 */
import { assertEquals } from "@std/assert";
import { dirname } from "node:path";
import { runtime } from "../harness.ts";
import { listen, poll, publish, subscribe } from "../http/halley.ts";

/** When a test that hangs has its programs killed, in ms. */
const PATIENCE = 240_000;

const root = new URL("../../", import.meta.url).pathname;
const running = new Set<Program>();

/**
 * Declares a test that starts programs. Deno starts them, those for Bun included;
 * so under Bun there is nothing of this kind to declare.
 */
export const test: (name: string, body: () => Promise<void>) => void =
  runtime === "deno"
    ? (name, body) => Deno.test(name, () => bounded(body))
    : () => {};

async function bounded(body: () => Promise<void>): Promise<void> {
  // What waits for a program that is gone fails, and says what it had said.
  const timer = setTimeout(() => {
    for (const program of running) program.kill("SIGKILL");
  }, PATIENCE);
  try {
    await body();
  } finally {
    clearTimeout(timer);
  }
}

/** A program that runs. */
export class Program {
  /** What it has said so far, on both of its outputs. */
  output = "";
  /** Its exit code, once it is gone and has said all. */
  readonly exit: Promise<number>;
  readonly #child: Deno.ChildProcess;
  #heard = 0;
  #gone = false;
  #wake: () => void = () => {};

  readonly #group: boolean;

  /** Starts it; as a `group` it is ended with all that it has started. */
  constructor(
    command: string[],
    cwd: string,
    env: Record<string, string>,
    group = false,
  ) {
    this.#group = group;
    this.#child = new Deno.Command(command[0]!, {
      args: command.slice(1),
      cwd,
      detached: group,
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    running.add(this);
    this.exit = this.#run();
  }

  async #run(): Promise<number> {
    const { stdout, stderr, status } = this.#child;
    const said = Promise.all([this.#read(stdout), this.#read(stderr)]);
    const { code } = await status;
    running.delete(this);
    await said;
    this.#gone = true;
    this.#wake();
    return code;
  }

  async #read(output: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const text of output.pipeThrough(new TextDecoderStream())) {
      this.output += text;
      this.#wake();
    }
  }

  /** Waits for something it says after what was heard before. */
  async hears(pattern: string | RegExp): Promise<RegExpExecArray> {
    const wanted = new RegExp(pattern);
    for (;;) {
      const found = wanted.exec(this.output.slice(this.#heard));
      if (found) {
        this.#heard += found.index + found[0].length;
        return found;
      }
      if (this.#gone) throw new Error(`No ${pattern} in: ${this.output}`);
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** Waits until it names the port it listens on; where that is. */
  async url(): Promise<string> {
    const [, port] = await this.hears(
      /(?:Listening on http.*:|port"?:? ?)([0-9]+)\b.*\n/,
    );
    return `http://127.0.0.1:${port}`;
  }

  /** Sends it a signal. */
  kill(signal: Deno.Signal): void {
    if (!running.has(this)) return;
    const { pid } = this.#child;
    Deno.kill(this.#group ? -pid : pid, signal);
  }

  /** Ends it at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.exit;
  }
}

/** An empty folder, and an empty home beside it; both go with the test. */
export class Folder {
  /** Where it is. */
  readonly path: string;
  readonly #whole: string;

  /** Makes one. */
  constructor() {
    this.#whole = Deno.makeTempDirSync({ prefix: "halley-" });
    this.path = `${this.#whole}/app`;
    Deno.mkdirSync(this.path);
    Deno.mkdirSync(`${this.#whole}/home`);
  }

  /** Writes a file. */
  write(name: string, text: string): void {
    const path = `${this.path}/${name}`;
    Deno.mkdirSync(dirname(path), { recursive: true });
    Deno.writeTextFileSync(path, text);
  }

  /** Copies files and folders of the repository to `to`. */
  async copy(names: string[], to = "."): Promise<void> {
    Deno.mkdirSync(`${this.path}/${to}`, { recursive: true });
    await this.run(["cp", "-R", ...names.map((name) => `${root}${name}`), to]);
  }

  /** Starts a program in it. */
  start(
    command: string[],
    env: Record<string, string> = {},
    group = false,
  ): Program {
    const HOME = `${this.#whole}/home`;
    return new Program(command, this.path, { HOME, ...env }, group);
  }

  /** Runs a program to its good end; all that it said. */
  async run(
    command: string[],
    env: Record<string, string> = {},
  ): Promise<string> {
    await using program = this.start(command, env);
    const code = await program.exit;
    assertEquals(code, 0, `${command.join(" ")}: ${program.output}`);
    return program.output;
  }

  /** Packs the repository into `halley.tgz`; what was said about it. */
  async pack(): Promise<string> {
    const output = `--output=${this.path}/halley.tgz`;
    return await inRepository(["pack", "--allow-dirty", output]);
  }

  /** Installs npm packages; they come from the cache of whoever runs the tests. */
  async install(packages: string[], to = "."): Promise<void> {
    const command = ["npm", "install", "--no-audit", "--no-fund"];
    const HOME = Deno.env.get("HOME") ?? "";
    await this.run([...command, `--prefix=${to}`, ...packages], { HOME });
  }

  /** A runtime's command: the one on PATH if it is new enough, else npm's. */
  async tool(name: keyof typeof TOOLS): Promise<string> {
    const least = TOOLS[name];
    await using asked = this.start(["sh", "-c", `${name} --version`]);
    const found = await asked.exit === 0;
    const version = Number(/[0-9]+(\.[0-9]+)?/.exec(asked.output)?.[0]);
    if (found && version >= least) return name;
    const allowScripts = { [name]: true };
    this.write("../tools/package.json", JSON.stringify({ allowScripts }));
    await this.install([`${name}@^${least}`], "../tools");
    return `${this.path}/../tools/node_modules/.bin/${name}`;
  }

  /** Removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#whole, { recursive: true });
  }
}

const TOOLS = { bun: 1.4, node: 22, workerd: 1 };

/** Runs a command of Deno's in the repository; all that it said. */
export async function inRepository(args: string[]): Promise<string> {
  const HOME = Deno.env.get("HOME") ?? "";
  await using program = new Program([Deno.execPath(), ...args], root, { HOME });
  const code = await program.exit;
  assertEquals(code, 0, `deno ${args.join(" ")}: ${program.output}`);
  return program.output;
}

/** Serves the repository's files, as a forge does. */
export async function readSource(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  const body = await Deno.readFile(`${root}${pathname.slice(1)}`);
  return new Response(body, { headers: { "content-type": "text/plain" } });
}

/** An engine that says what happens to its connections; as JavaScript, too. */
export const ENGINE = `
const engine = createEngine({
  heartbeat: 1000,
  writeTimeout: 2000,
  policy: { allow: () => true },
});
engine.on("connect", ({ id }) => console.log("connect", id));
engine.on("away", ({ id }) => console.log("away", id));
engine.on("return", ({ id }) => console.log("return", id));
engine.on("drop", ({ id }, reason) => console.log("drop", id, reason));
`;

/**
 * What every runtime must do with an `ENGINE` at `url`: both kinds of stream and a
 * long-poll are parked, one publish reaches all three, silence is filled, a client
 * that goes is missed, and what it missed is there when it comes back.
 */
export async function roundTrip(url: string, program: Program): Promise<void> {
  const { id: start, key, connection } = await poll(url);
  await program.hears(`away ${connection}`);
  const events = await subscribe(url);
  const lines = await subscribe(url, { accept: "application/x-ndjson" });
  assertEquals(events.listener.response.status, 200);
  const held = poll(url, { since: start!, key, wait: "20000" });
  await program.hears(`return ${connection}`);
  const data = { text: "¡Hola!" };
  const published = await publish(url, data);
  assertEquals(published.status, 200);
  const { id } = await published.json();
  const message = { type: "message" as const, channel: "a", id, data };
  assertEquals(await events.listener.frame("message"), message);
  assertEquals(await lines.listener.frame("message"), message);
  assertEquals(await held, { connection, key, id, messages: [message] });
  await program.hears(`away ${connection}`);
  for (const { listener, open } of [events, lines]) {
    await listener.frame("heartbeat");
    await listener.close();
    // On workerd only a write that fails says that nobody reads: a heartbeat.
    await program.hears(`away ${open.connection}`);
  }
  const later = await listen(url, { "last-event-id": start! });
  assertEquals(await later.frame("message"), message);
  await later.close();
}

/** A held long-poll whose client goes is missed at once. */
export async function goneFromPoll(
  url: string,
  program: Program,
): Promise<void> {
  const { id, key, connection } = await poll(url);
  await program.hears(`away ${connection}`);
  const gone = new AbortController();
  const held = fetch(`${url}?transport=poll&since=${id}&key=${key}`, {
    signal: gone.signal,
  }).then(() => "answered", () => "gone");
  await program.hears(`return ${connection}`);
  gone.abort();
  assertEquals(await held, "gone");
  await program.hears(`away ${connection}`);
}

/** A node that is told to leave tells its clients, and ends. */
export async function leaving(url: string, program: Program): Promise<void> {
  const { listener } = await subscribe(url);
  program.kill("SIGTERM");
  const { code, retry } = await listener.frame("close");
  assertEquals([code, retry], ["shutdown", true]);
  assertEquals(await listener.rest(), []);
  assertEquals(await program.exit, 0, program.output);
}

/** How workerd runs `bundle.js`, with a Durable Object called `Push`. */
export const WORKERD = `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "bundle.js")],
  compatibilityDate = "2026-01-01",
  compatibilityFlags = ["nodejs_compat"],
  durableObjectNamespaces = [(className = "Push", uniqueKey = "push")],
  durableObjectStorage = (inMemory = void),
  bindings = [(name = "PUSH", durableObjectNamespace = "Push")],
);
`;
