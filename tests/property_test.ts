/**
 * The order rules O1 to O10 under random schedules: three engines, some of which are
 * killed and started anew, on a backplane that delays, repeats, skips, forgets and
 * loses its order; clients that read slowly, poll, vanish and come back on any engine.
 * Compared with a plain array, and what nodes know of each other with the truth.
 *
 * `HALLEY_SCHEDULES` sets how many schedules are tried (default 300).
 */
import fc from "npm:fast-check@^4.10.0";
import type { MaybePromise } from "../src/backplane.ts";
import { process } from "../src/deps.ts";
import { createEngine, type Engine } from "../src/engine.ts";
import type { EngineOptions } from "../src/options.ts";
import { test } from "./harness.ts";
import { fileWorld, kvWorld } from "./kept_world.ts";
import { Recorder } from "./recorder.ts";
import { World } from "./simulated_backplane.ts";
import { type Kind, SimulatedClient } from "./simulated_client.ts";
import { Homes } from "./simulated_homes.ts";

/** The last ones are named in no subscription: their logs make room for others. */
const CHANNELS = [
  "a",
  "b",
  "n/x",
  "n/y",
  "n/x/z",
  "z1",
  "z2",
  "z3",
  "z4",
  "z5",
];
const SUBSCRIPTIONS: [Kind, string[]][] = [
  ["eager", ["a"]],
  ["eager", ["n/*", "b"]],
  ["eager", ["**", "a"]],
  ["slow", ["a", "b"]],
  ["slow", ["n/**", "n/x"]],
  ["poll", ["a", "n/x"]],
  ["poll", ["**"]],
];

/** Two of the last do not fit into one chunk. */
const DATA = ["a", 1, "x".repeat(40_000)];

/** One step of a schedule; numbers are taken modulo what there is. */
type Step = readonly [kind: string, first: number, second: number];

/** How many of a hundred steps are of a kind. */
const STEPS: Record<string, number> = {
  publish: 22,
  deliver: 17,
  turn: 10,
  connect: 10,
  disconnect: 5,
  room: 6,
  read: 6,
  answer: 6,
  sendTo: 5,
  sendToAll: 2,
  overtake: 2,
  repeat: 2,
  fail: 1,
  sweep: 3,
  trim: 1,
  trimFeed: 1,
  renew: 2,
  drop: 2,
  kill: 2,
  away: 2,
};

const step: fc.Arbitrary<Step> = fc.tuple(
  fc.oneof(
    ...Object.entries(STEPS).map(([kind, weight]) => ({
      weight,
      arbitrary: fc.constant(kind),
    })),
  ),
  fc.nat(99),
  fc.nat(99),
);

export const schedule = fc.record({
  frames: fc.integer({ min: 1, max: 6 }),
  logs: fc.integer({ min: 18, max: 30 }),
  steps: fc.array(step, { minLength: 20, maxLength: 160 }),
});

const turn = () => new Promise((resolve) => setImmediate(resolve));

class Violation extends Error {}

/** How many engines there are; the first is never killed. */
const NODES = 3;

/** Some engines on one backplane, and their clients. */
export class Play {
  now = 1_000_000;
  readonly homes = new Homes();
  readonly engines: Engine[] = [];
  /** The number of each engine on the backplane: a new one has a new number. */
  readonly numbers: number[] = [];
  /** Whether nothing has happened after which a join or leave may come twice. */
  orderly = true;
  readonly clients: SimulatedClient[];
  readonly problems: unknown[] = [];

  readonly #options: EngineOptions;
  #watcher: Recorder | undefined;
  #number = 0;

  constructor(frames: number, logs: number, readonly world = new World()) {
    this.clients = SUBSCRIPTIONS.map(([kind, channels], i) =>
      new SimulatedClient(`${i} ${kind}`, kind, channels, world)
    );
    this.#options = {
      history: { frames, age: 60_000 },
      limits: { logs },
      linger: 20_000,
      preload: 10,
      clock: { now: () => this.now, schedule: () => () => {} },
    };
    for (let node = 0; node < NODES; node++) this.start(node);
  }

  /**
   * The engines know each other from the first message on, and somebody watches a
   * channel at the first one.
   */
  async begin(): Promise<void> {
    while (this.world.questions.length > 0) this.world.answer();
    for (let second = 0; second < 4; second++) {
      await turn();
      this.#deliver();
      this.now += 1_000;
      for (const engine of this.engines) engine.sweep(this.now);
    }
    const watching = this.engines[0]!.connect({ channels: ["a"], watch: true });
    watching.then((connection) => this.#watcher = new Recorder(connection));
    while (!this.#watcher) {
      await turn();
      this.#deliver();
    }
  }

  /** Starts an engine in the place of `node`. */
  start(node: number): void {
    const number = this.numbers[node] = this.#number++;
    const backplane = this.world.backplane(number);
    const engine = createEngine({ ...this.#options, backplane });
    engine.on("error", (error) => {
      if (!/simulated/.test(String(error))) this.problems.push(error);
    });
    this.engines[node] = engine;
    this.homes.add(engine);
  }

  /** Kills engine `node` as no shutdown does, and starts another. */
  kill(node: number): void {
    const engine = this.engines[node]!;
    this.orderly = false;
    this.world.kill(this.numbers[node]!);
    for (const client of this.clients) {
      if (client.engine === engine) client.disconnect();
    }
    this.homes.remove(engine);
    engine.node.feed.stop();
    engine.node.closed = true;
    this.start(node);
  }

  async step([kind, first, second]: Step): Promise<void> {
    const { world } = this;
    const node = first % NODES;
    const engine = this.engines[node]!;
    const number = this.numbers[node]!;
    const client = this.clients[second % this.clients.length]!;
    const channel = CHANNELS[(second >> 2) % CHANNELS.length]!;
    switch (kind) {
      case "publish":
        if (engine.node.epoch === "") return;
        return void await engine.publish(channel, DATA[second % 3]);
      case "sendToAll":
        if (engine.node.epoch === "") return;
        return void await engine.sendToAll("to/all", second);
      case "sendTo":
        if (!client.connection) return;
        // Its answer may take as long as it likes.
        return void this.homes.sendTo(
          engine,
          client.connection.id,
          (at) => world.hasSpoken(this.numbers[this.engines.indexOf(at)]!),
        ).catch((error) => this.#fail(error));
      case "drop":
        if (client.connection) this.homes.drop(engine, client.connection.id);
        return;
      case "kill":
        return node === 0 ? undefined : this.kill(node);
      case "away":
        world.away += 1 + second % 4;
        return;
      case "deliver":
        for (let i = 0; i <= second % 5; i++) world.deliver(number);
        return;
      case "overtake":
        return world.overtake(number);
      case "repeat":
        return world.repeat(number);
      case "turn":
        await turn();
        return this.look();
      case "connect":
        return void this.connect(client, engine, first % 3 > 0);
      case "disconnect":
        return client.disconnect();
      case "room":
        client.room += 1 + first % 3;
        return client.connection?.flush();
      case "read":
        return client.read(1 + first % 4);
      case "answer":
        return world.answer();
      case "fail":
        return world.answer(true);
      case "trim":
        return world.trim(channel);
      case "trimFeed":
        this.orderly = false;
        return world.trimFeed();
      case "renew":
        this.orderly = false;
        return await world.renew();
      case "sweep":
        this.now += (first % 4) * 10_000;
        for (const each of this.engines) each.sweep(this.now);
        return;
    }
  }

  connect(client: SimulatedClient, engine: Engine, reclaim: boolean): void {
    client.connect(engine, reclaim).catch((error) => this.#fail(error));
  }

  #fail(error: unknown): void {
    const expected =
      /simulated|out of reach|starting|many channels|not answer|going away|is closed/;
    if (!expected.test(String(error))) this.problems.push(error);
  }

  /** A reader with room that stands at the present gets no `reset` from here. */
  look(): void {
    for (const client of this.clients) {
      if (client.kind !== "eager" || !client.parked) continue;
      if (client.connection!.settle()) client.clean = true;
    }
  }

  /** Everything arrives, everyone has room; nothing more is published. */
  async settle(): Promise<void> {
    // Polls end with every answer, so there is no state without anything to do:
    // what is checked is that a bounded number of rounds serves everyone.
    for (let round = 0; round < 40; round++) {
      await turn();
      this.#deliver();
      while (this.world.questions.length > 0) this.world.answer();
      // A read that failed is tried again at the next sweep, and only then.
      if (round === 1 && this.world.failures > 0) {
        for (const engine of this.engines) engine.sweep(this.now);
      }
      this.clients.forEach((client, i) => {
        client.read(Infinity);
        if (client.room < 1e5) {
          client.room = 1e6;
          if (client.kind === "slow") client.connection?.flush();
        }
        if (client.parked || client.connecting) return;
        this.connect(client, this.engines[i % NODES]!, i % 3 > 0);
      });
    }
    for (const client of this.clients) client.read(Infinity);
  }

  #deliver(): void {
    for (const number of this.numbers) {
      while (!this.world.delivered(number)) this.world.deliver(number);
      this.checkFrames();
    }
  }

  /** Time goes by until every node has told all, and the dead are missed. */
  async tell(): Promise<void> {
    this.world.away = 0;
    for (let second = 0; second < 60; second++) {
      this.now += 1_000;
      for (const engine of this.engines) engine.sweep(this.now);
      for (let i = 0; i < 3; i++) {
        await turn();
        this.#deliver();
      }
      while (this.world.questions.length > 0) this.world.answer();
    }
  }

  /** What no single frame may violate, and what went wrong inside. */
  checkFrames(): void {
    for (const problem of this.problems) throw problem;
    for (const { violations } of [this.homes, ...this.clients]) {
      const [violation] = violations;
      if (violation) throw new Violation(violation);
    }
  }

  /** What the nodes know of each other, and have told, against the truth. */
  checkNodes(): void {
    this.homes.check(CHANNELS);
    const { frames, history, feedFloor } = this.world;
    // What the feed has lost is no longer told: watchers ask for the list again.
    const told = this.orderly ? history : frames.slice(feedFloor);
    this.homes.checkTold(told, "a", this.orderly);
    this.checkFrames();
  }

  /** Every client against the plain array. */
  check(): void {
    this.checkFrames();
    const { world } = this;
    for (const client of this.clients) {
      const { cursor } = client;
      if (!cursor) throw new Violation(`${client.name}: never served`);
      if (cursor.epoch !== world.epoch) {
        throw new Violation(`${client.name}: left behind in ${cursor.epoch}`);
      }
      const had = new Set(client.received);
      const own = `$${client.connection!.id}`;
      for (const { log, channel, seq } of world.frames) {
        if (seq <= client.start) continue;
        const wanted = log === "$all" || client.wants(log) ||
          (log === own && seq > client.privateSince);
        if (had.has(seq) && !wanted && !client.own.has(log)) {
          throw new Violation(`${client.name}: got ${channel}, not wanted`);
        }
        if (wanted && !had.has(seq) && !client.excused(log, seq)) {
          throw new Violation(`${client.name}: lost ${log} ${seq} in silence`);
        }
      }
    }
  }

  async end(): Promise<void> {
    for (const client of this.clients) client.disconnect();
    for (const engine of this.engines) await engine.close();
    while (this.world.questions.length > 0) this.world.answer();
    await this.world.end();
  }
}

/** Tries `numRuns` schedules, each in a world of its own. */
function everySchedule(
  makeWorld: () => MaybePromise<World>,
  numRuns: number,
): Promise<void> {
  return fc.assert(
    fc.asyncProperty(schedule, async ({ frames, logs, steps }) => {
      const play = new Play(frames, logs, await makeWorld());
      try {
        await play.begin();
        for (const each of steps) {
          await play.step(each);
          play.checkFrames();
        }
        await play.settle();
        play.check();
        await play.tell();
        play.checkNodes();
      } finally {
        await play.end();
      }
    }),
    { numRuns },
  );
}

const schedules = Number(process.env.HALLEY_SCHEDULES ?? 300);

test("every client gets each message once, in order, or is told (O1 to O10)", async () => {
  await everySchedule(() => new World(), schedules);
});

const fewer = Math.min(Math.ceil(schedules / 10), 1_000);

test("the same where the order is a file that drops what is old (O1 to O10)", async () => {
  await everySchedule(fileWorld, fewer);
});

test("the same where the order is in Deno KV, which drops it, too (O1 to O10)", async () => {
  await everySchedule(kvWorld, fewer);
});
