/**
 * The stand-alone server as a process of its own.
 * @module
 */
import type { Buffer } from "node:buffer";
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { pause, startCommand } from "../harness.ts";
import { freePort } from "../port.ts";

/** A running program. */
export class Child {
  readonly process: ChildProcess;
  /** What it has said so far, on both of its outputs. */
  output = "";
  /** Its exit code, once it is gone. */
  readonly exit: Promise<number | null>;
  #look: () => void = () => {};
  #gone = false;

  /** Starts `command`; `env` is added to what it needs to run at all. */
  constructor(command: string[], env: Record<string, string> = {}) {
    const { PATH = "", HOME = "" } = process.env;
    this.process = spawn(command[0]!, command.slice(1), {
      env: { PATH, HOME, NO_COLOR: "1", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const output of [this.process.stdout!, this.process.stderr!]) {
      output.on("data", (bytes: Buffer) => {
        this.output += bytes.toString();
        this.#look();
      });
    }
    this.exit = new Promise((resolve) => {
      this.process.once("close", (code) => {
        this.#gone = true;
        this.#look();
        resolve(code);
      });
    });
  }

  /** What it has said, as soon as `part` is in it. */
  async says(part: string): Promise<string> {
    while (!this.output.includes(part)) {
      if (this.#gone) throw new Error(`It ended with: ${this.output}`);
      await new Promise<void>((resolve) => this.#look = resolve);
    }
    return this.output;
  }

  /** Sends a signal. Deno's own `kill` would have `exit` name it instead of a code. */
  kill(
    signal: "SIGINT" | "SIGTERM" | "SIGKILL" | "SIGSTOP" | "SIGCONT",
  ): void {
    process.kill(this.process.pid!, signal);
  }

  /** Ends it at once. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#gone) this.kill("SIGKILL");
    await this.exit;
  }
}

/** A stand-alone server that listens. */
export interface Standalone extends AsyncDisposable {
  readonly child: Child;
  readonly port: number;
  /** The base of the protocol. */
  readonly url: string;
}

/** Starts the stand-alone server under this runtime. */
export async function standalone(
  env: Record<string, string> = {},
  command: (port: number) => string[] = startCommand,
): Promise<Standalone> {
  const port = await freePort();
  const child = new Child(command(port), { PORT: String(port), ...env });
  await listening(child, port);
  return {
    child,
    port,
    url: `http://127.0.0.1:${port}/push`,
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

async function listening(child: Child, port: number): Promise<void> {
  let gone = false;
  child.exit.then(() => gone = true);
  for (;;) {
    try {
      await (await fetch(`http://127.0.0.1:${port}/healthz`)).text();
      return;
    } catch {
      if (gone) throw new Error(`It ended with: ${child.output}`);
      await pause();
    }
  }
}
