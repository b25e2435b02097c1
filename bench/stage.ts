/**
 * A server under load: one process of each kind that a run needs, and what a
 * scenario can have them do.
 * @module
 */
import { cpus } from "node:os";
import { Child } from "./child.ts";
import type { Load, Reported } from "./load/generator.ts";
import type { Published, Publishing } from "./load/publisher.ts";
import { now, sleep } from "./orders.ts";
import type { Plan } from "./plan.ts";
import { cpuTime, descriptorLimit, residentMemory } from "./proc.ts";
import { command, loadRuntime, type Runtime } from "./runtimes.ts";
import type { Server, Subject, Transport } from "./subjects/table.ts";

/** Descriptors that a process needs for itself. */
export const SPARE = 100;

/** How long after opening messages are sure to reach everybody, in ms. */
const SUBSCRIBED = 500;

/** How long a server may take to notice that all have left, two heartbeats more. */
const GONE = 15_000;

/** What is put on the stage. */
export interface Staging {
  readonly subject: Subject;
  readonly runtime: Runtime;
  readonly transport: Transport;
  readonly plan: Plan;
  readonly heartbeat: number;
  /** Whether clients come back with the last id they had. */
  readonly resumes?: boolean;
  /**
   * How long a server is left alone before its garbage is collected and its memory
   * read, in ms; 0 reads it as it is.
   */
  readonly settle: number;
  /** µs that each delivery costs the load on top, to test the bench. */
  readonly handicap?: number;
}

/** Deliveries so far, and open connections. */
export interface Count {
  readonly received: number;
  readonly open: number;
}

/** A server and its load. */
export class Stage {
  readonly staging: Staging;
  readonly server: Server;
  readonly generators: readonly Child[];
  readonly publisher: Child;
  readonly #offsets: Map<Child, number>;

  private constructor(
    staging: Staging,
    server: Server,
    generators: readonly Child[],
    publisher: Child,
    offsets: Map<Child, number>,
  ) {
    this.staging = staging;
    this.server = server;
    this.generators = generators;
    this.publisher = publisher;
    this.#offsets = offsets;
  }

  /** Starts the processes. */
  static async start(staging: Staging): Promise<Stage> {
    const { subject, runtime, plan, heartbeat } = staging;
    const server = await subject.start(
      runtime,
      heartbeat,
      plan.connections,
    );
    const children: Child[] = [];
    try {
      const number = generatorsFor(plan.connections, server);
      for (let i = 0; i <= number; i++) {
        const name = i < number ? "generator.ts" : "publisher.ts";
        const file = new URL(`./load/${name}`, import.meta.url);
        children.push(new Child(command(loadRuntime(), file)));
      }
      const offsets = new Map<Child, number>();
      for (const child of children) {
        offsets.set(child, await child.clockOffset());
      }
      const publisher = children.at(-1)!;
      const generators = children.slice(0, -1);
      return new Stage(staging, server, generators, publisher, offsets);
    } catch (error) {
      await Promise.all([server, ...children].map((one) => one.end()));
      throw error;
    }
  }

  /** Tells everybody the plan; connections that there were are forgotten. */
  async load(plan: Plan): Promise<void> {
    const { subject, transport, resumes, handicap } = this.staging;
    const { address, port } = this.server;
    const dialect = subject.dialects[transport];
    if (dialect === undefined) {
      throw new Error(`${subject.title} has no ${transport}.`);
    }
    const ownChannels = plan.direct && subject.ownChannels;
    let first = 0;
    await Promise.all(this.generators.map((child, i) => {
      const number = share(plan.connections, this.generators.length, i);
      const load: Load = {
        plan,
        dialect,
        address,
        port,
        path: subject.subscribe,
        first,
        number,
        resumes: resumes ?? false,
        ownChannels,
        net: 1 + i,
        handicap: handicap ?? 0,
      };
      first += number;
      return child.tell("load", load);
    }));
    const path = plan.direct ? subject.direct ?? "" : subject.publish;
    const { health } = subject;
    const publishing: Publishing = { plan, address, port, path, health };
    await this.publisher.tell("load", publishing);
  }

  /**
   * Opens connections until there are `number`, and waits until they count; how long
   * the opening took, in ms.
   */
  async open(number: number): Promise<number> {
    const { length } = this.generators;
    const began = now();
    await Promise.all(this.generators.map((child, i) => {
      return child.tell("open", share(number, length, i));
    }));
    const took = now() - began;
    await sleep(Math.min(SUBSCRIBED, 50 + this.staging.settle));
    return took;
  }

  /** All leave; waits until the server knows, where it can say so. */
  async leave(): Promise<void> {
    await this.all("close");
    const { orders } = this.server;
    if (!orders) return await sleep(SUBSCRIBED);
    const until = now() + GONE + 2 * this.staging.heartbeat;
    while (now() < until) {
      if (await orders.tell<number>("size") === 0) return;
      await sleep(100);
    }
    throw new Error("The server has kept connections whose clients are gone.");
  }

  /** Publishes the plan from now on; answers when it began, by this clock. */
  begin(): { startedAt: number; published: Promise<void> } {
    const startedAt = now() + 200;
    const at = (child: Child) => startedAt + this.#offsets.get(child)!;
    const started = this.generators.map((child) =>
      child.tell("start", at(child))
    );
    const published = Promise.all(started)
      .then(() => this.publisher.tell("publish", at(this.publisher)))
      .then(() => {});
    return { startedAt, published };
  }

  /** What everybody has to say at the end. */
  async report(): Promise<{ reports: Reported[]; published: Published }> {
    return {
      reports: await this.all<Reported>("report"),
      published: await this.publisher.tell<Published>("report"),
    };
  }

  /** Deliveries so far, and open connections. */
  async count(): Promise<Count> {
    const counts = await this.all<Count>("count");
    return {
      received: counts.reduce((sum, { received }) => sum + received, 0),
      open: counts.reduce((sum, { open }) => sum + open, 0),
    };
  }

  /** Gives all generators the same order. */
  all<T>(order: string, argument: unknown = null): Promise<T[]> {
    return Promise.all(
      this.generators.map((child) => child.tell<T>(order, argument)),
    );
  }

  /** The server's resident bytes now; NaN where its process is not known. */
  get rss(): number {
    return this.#sum(residentMemory);
  }

  /** The server's CPU time so far, in µs. */
  get cpu(): number {
    return this.#sum(cpuTime);
  }

  /** Adds up what `of` says of the server's processes. */
  #sum(of: (pid: number) => number): number {
    const { pids } = this.server;
    if (pids.length === 0) return NaN;
    return pids.reduce((sum, pid) => sum + of(pid), 0);
  }

  /** Resident bytes once it has settled and its garbage is collected. */
  async settled(): Promise<number> {
    const { settle } = this.staging;
    await sleep(settle);
    if (settle > 0) await this.server.orders?.tell("gc");
    return this.rss;
  }

  /** Ends the processes. */
  async end(): Promise<void> {
    const children = [...this.generators, this.publisher];
    await Promise.all([
      this.server.end(),
      ...children.map((child) => child.end()),
    ]);
  }
}

/** The part of `number` that is `i`'s of so many. */
function share(number: number, of: number, i: number): number {
  return Math.floor((number + i) / of);
}

/** How many processes the load takes; throws if descriptors would not suffice. */
function generatorsFor(connections: number, server: Server): number {
  const own = descriptorLimit();
  const { pids } = server;
  const theirs = pids.length === 0 ? own : descriptorLimit(pids[0]);
  const each = Math.ceil(connections / Math.max(1, pids.length)) + SPARE;
  if (each > theirs) {
    throw new Error(
      `${connections} connections take ${each} descriptors in ` +
        `the server's process, and its limit is ${theirs} (ulimit -n).`,
    );
  }
  const needed = Math.ceil(connections / (own - SPARE));
  return Math.max(
    needed,
    Math.min(connections, Math.max(2, cpus().length - 1)),
  );
}
