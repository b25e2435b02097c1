/**
 * What is done to a server, and what that cost it.
 * @module
 */
import { Child } from "./child.ts";
import { sleep } from "./orders.ts";

/** How generators are run: two processes share the connections. */
const GENERATORS = 2;

/**
 * Connections that come and go first, so that what is loaded late is no cost of
 * one. Few: what they leave behind is used again, and would not be counted.
 */
const WARM_UP = 20;

/** How long it is left alone before memory is read, in ms. */
const SETTLE = 1_500;

/** What a scenario found: costs by name. */
export type Costs = Record<string, number>;

/** A server and its clients. */
export class Bench {
  readonly server: Child;
  readonly #generators: Child[];
  #clients = 0;
  /** What each connection should have had. */
  #sent = 0;

  private constructor(server: Child, generators: Child[]) {
    this.server = server;
    this.#generators = generators;
  }

  /** Starts the processes. */
  static async start(server: string[], generator: string[]): Promise<Bench> {
    const child = await new Child(server).ready();
    const port = await child.tell<number>("port");
    const generators = Array.from(
      { length: GENERATORS },
      (_, i) => new Child([...generator, String(port), String(1 + i)]).ready(),
    );
    return new Bench(child, await Promise.all(generators));
  }

  /** Connects, in place of any who were there. */
  async park(number: number): Promise<void> {
    this.#clients = number;
    this.#sent = 0;
    await this.#all("open", number / GENERATORS);
  }

  /** Publishes, and waits until everybody has had it. */
  async publish(messages: number): Promise<void> {
    this.#sent += messages;
    await this.server.tell("publish", messages);
    const each = this.#sent * this.#clients / GENERATORS;
    await this.#all("await", each);
  }

  /** Throws if a connection has had more or less than was published. */
  async check(): Promise<void> {
    await sleep(200);
    for (const counted of await this.#all<Counted>("count")) {
      const { received, least, most } = counted;
      if (least === this.#sent && most === this.#sent) continue;
      const expected = this.#sent * this.#clients / GENERATORS;
      throw new Error(
        `${expected} deliveries were expected and ${received} came; ` +
          `${this.#sent} a connection, and ${least} to ${most} came.`,
      );
    }
  }

  /** All leave; waits until the server knows. */
  async leave(): Promise<void> {
    await this.#all("close");
    for (let i = 0; i < 100; i++) {
      if (await this.server.tell<number>("size") === 0) return;
      await sleep(100);
    }
    throw new Error("The server has kept connections whose clients are gone.");
  }

  /** Resident bytes once it has settled and its garbage is collected. */
  async rss(): Promise<number> {
    await sleep(SETTLE);
    await this.server.tell("gc");
    return this.server.rss;
  }

  /** Ends the processes. */
  async end(): Promise<void> {
    await Promise.all([this.server, ...this.#generators].map((c) => c.end()));
  }

  async #all<T>(order: string, argument = 0): Promise<T[]> {
    return await Promise.all(
      this.#generators.map((child) => child.tell<T>(order, argument)),
    );
  }
}

interface Counted {
  received: number;
  least: number;
  most: number;
}

/** Publishes `messages` at once, `rounds` times, and takes the CPU per delivery. */
async function publishing(
  bench: Bench,
  clients: number,
  { rounds, messages, gap }: { rounds: number; messages: number; gap: number },
): Promise<number> {
  for (let i = 0; i < 3; i++) await bench.publish(messages);
  await sleep(500);
  const before = bench.server.cpu;
  for (let i = 0; i < rounds; i++) {
    await bench.publish(messages);
    await sleep(gap);
  }
  const used = bench.server.cpu - before;
  await bench.check();
  return used / (rounds * messages * clients);
}

/** Memory of parked connections. */
async function memory(bench: Bench, connections: number): Promise<Costs> {
  await bench.park(WARM_UP);
  await bench.publish(1);
  await bench.leave();
  const before = await bench.rss();
  await bench.park(connections);
  const parked = await bench.rss();
  await bench.leave();
  const left = await bench.rss();
  await bench.park(connections);
  const again = await bench.rss();
  const each = (bytes: number) => (bytes - before) / connections;
  return {
    before: before / 1e6,
    parked: each(parked),
    left: each(left),
    again: each(again),
  };
}

/** Single messages, with time in between. */
async function spaced(bench: Bench, connections: number): Promise<Costs> {
  await bench.park(connections);
  const pace = { rounds: 40, messages: 1, gap: 50 };
  return { spaced: await publishing(bench, connections, pace) };
}

/** Bursts of 20 messages. */
async function burst(bench: Bench, connections: number): Promise<Costs> {
  await bench.park(connections);
  const pace = { rounds: 40, messages: 20, gap: 20 };
  return { burst: await publishing(bench, connections, pace) };
}

/** What can be measured. */
export const scenarios: Record<
  string,
  (bench: Bench, connections: number) => Promise<Costs>
> = { memory, spaced, burst };
