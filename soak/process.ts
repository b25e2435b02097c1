/**
 * Two ends of a pipe: whoever gives orders, a line each, and a process that obeys
 * them and answers each with a line of JSON.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { createInterface } from "node:readline";

/** What a process can be told to do; the answer goes back as JSON. */
export type Orders = Record<
  string,
  (argument: number) => unknown | Promise<unknown>
>;

/** Obeys, one order after the other, until whoever gives them goes away. */
export async function obey(orders: Orders): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const [name = "", argument] = line.split(" ");
    const answer = await orders[name]!(Number(argument));
    process.stdout.write(`${JSON.stringify(answer ?? null)}\n`);
  }
  process.exit(0);
}

/** A process that obeys. */
export class Servant {
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  /** Starts it. */
  constructor(command: readonly string[]) {
    const [program = "", ...args] = command;
    // So that what is freed is given back, and resident memory says something.
    const env = { ...process.env, MALLOC_TRIM_THRESHOLD_: "65536" };
    const [input, output, errors] = ["pipe", "pipe", "inherit"] as const;
    const stdio = [input, output, errors];
    this.#process = spawn(program, args, { stdio, env });
    const lines = createInterface({ input: this.#process.stdout! });
    this.#answers = lines[Symbol.asyncIterator]();
  }

  /** Gives an order, and waits for its answer. */
  async tell<T>(order: string, argument = 0): Promise<T> {
    this.#process.stdin!.write(`${order} ${argument}\n`);
    const { value, done } = await this.#answers.next();
    if (done) throw new Error(`A process has ended before it did: ${order}.`);
    return JSON.parse(value);
  }

  /** Its resident memory, in bytes (Linux). */
  get resident(): number {
    const status = readFileSync(`/proc/${this.#process.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+([0-9]+) kB$/m.exec(status)![1]) * 1_024;
  }

  /** Ends it. */
  end(): void {
    this.#process.kill("SIGKILL");
  }
}

/** Lets `ms` milliseconds pass. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
