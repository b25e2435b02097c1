/**
 * How the bench's processes talk: the parent writes an order a line, the child
 * answers each with a line of JSON. Nothing of it touches the server measured.
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";

/** What a child can be told to do; the answer goes back as JSON. */
export type Orders = Record<
  string,
  (argument: number) => unknown | Promise<unknown>
>;

/** Obeys, one order after the other, until the parent goes away. */
export async function obey(orders: Orders): Promise<void> {
  say({ ready: true });
  for await (const line of createInterface({ input: process.stdin })) {
    const [name = "", argument] = line.split(" ");
    const order = orders[name];
    if (!order) throw new Error(`There is no order ${name}.`);
    say(await order(Number(argument)) ?? {});
  }
  process.exit(0);
}

function say(answer: unknown): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

/** Lets `ms` milliseconds pass. */
export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
