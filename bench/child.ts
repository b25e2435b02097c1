/**
 * A process that obeys orders, as the controller sees it.
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { type Answer, now } from "./orders.ts";
import { cpuTime, residentMemory } from "./proc.ts";

/** How often the clocks of two processes are compared; the quickest counts. */
const COMPARISONS = 15;

/** Every process that was started and has not ended. */
const running = new Set<ChildProcess>();

/** Ends every process of the bench, at once. */
export function endAll(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** Starts a program that takes no orders; it is ended with all others. */
export function start(command: readonly string[]): ChildProcess {
  const child = spawn(command[0]!, command.slice(1), {
    stdio: ["pipe", "pipe", "inherit"],
  });
  running.add(child);
  child.once("exit", () => running.delete(child));
  child.once("error", () => running.delete(child));
  return child;
}

/** A process that takes an order a line and answers each (see `orders.ts`). */
export class Child {
  readonly pid: number;
  readonly #process: ChildProcess;
  readonly #waiting: Map<number, Waiting> = new Map();
  readonly #exit: Promise<void>;
  #next = 0;
  #ended: Error | undefined;

  constructor(command: readonly string[]) {
    this.#process = start(command);
    this.pid = this.#process.pid ?? 0;
    const name = command.slice(0, 4).join(" ");
    this.#exit = new Promise((resolve) => {
      const end = (reason: unknown) => {
        this.#end(new Error(`${name} … has ended early: ${reason}.`));
        resolve();
      };
      this.#process.once("exit", (code, signal) => end(signal ?? code));
      this.#process.once("error", (error) => end(error.message));
    });
    this.#process.stdin!.on("error", () => {});
    createInterface({ input: this.#process.stdout! }).on("line", (line) => {
      const answer = JSON.parse(line) as Answer;
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if (answer.error === undefined) waiting?.resolve(answer.value);
      else waiting?.reject(new Error(answer.error));
    });
  }

  /** Gives an order, and waits for its answer. */
  tell<T>(name: string, argument: unknown = null): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(this.#ended);
      const id = this.#next++;
      const waiting = { resolve: resolve as Waiting["resolve"], reject };
      this.#waiting.set(id, waiting);
      const order = JSON.stringify({ id, name, argument });
      this.#process.stdin!.write(`${order}\n`);
    });
  }

  /** How far its clock is ahead of this process's, in ms. */
  async clockOffset(): Promise<number> {
    let best = Infinity;
    let offset = 0;
    for (let i = 0; i < COMPARISONS; i++) {
      const asked = now();
      const there = await this.tell<number>("clock");
      const took = now() - asked;
      if (took >= best) continue;
      best = took;
      offset = there - (asked + took / 2);
    }
    return offset;
  }

  /** Its resident memory, in bytes. */
  get rss(): number {
    return residentMemory(this.pid);
  }

  /** The CPU time of all its threads so far, in µs. */
  get cpu(): number {
    return cpuTime(this.pid);
  }

  /** Ends it. */
  async end(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#exit;
  }

  #end(reason: Error): void {
    this.#ended = reason;
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
  }
}

interface Waiting {
  resolve(value: unknown): void;
  reject(reason: Error): void;
}
