/**
 * How the bench's processes talk: an order is a line of JSON on standard input,
 * and so is its answer on standard output. Nothing of it touches the server's
 * socket. Orders may overlap.
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";

/** What a process can be told to do; the answer goes back as JSON. */
export type Orders = Record<
  string,
  // deno-lint-ignore no-explicit-any
  (argument: any) => unknown | Promise<unknown>
>;

/** An order on the wire. */
export interface Order {
  readonly id: number;
  readonly name: string;
  readonly argument: unknown;
}

/** Its answer. */
export interface Answer {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

/** Obeys until the controller goes away, which alone ends this process. */
export async function obey(orders: Orders): Promise<void> {
  // Ctrl-C reaches the whole group; the controller ends it in good order.
  process.on("SIGINT", () => {});
  const all: Orders = { ...orders, clock: () => now() };
  for await (const line of createInterface({ input: process.stdin })) {
    void answer(all, JSON.parse(line));
  }
  process.exit(0);
}

async function answer(orders: Orders, order: Order): Promise<void> {
  const { id, name, argument } = order;
  let answer: Answer;
  try {
    const perform = orders[name];
    if (!perform) throw new Error(`There is no order ${name}.`);
    answer = { id, value: await perform(argument) };
  } catch (error) {
    answer = { id, error: error instanceof Error ? error.message : `${error}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

/** This process's time, in ms since 1970; never steps back. */
export function now(): number {
  return performance.timeOrigin + performance.now();
}

/** Lets `ms` milliseconds pass; none if that was before now. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, ms)));
}
