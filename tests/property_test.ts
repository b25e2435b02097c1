/**
 * The order rules O1 to O10 under random schedules: two engines on a backplane
 * that delays, repeats, skips, forgets and loses its order; clients that read
 * slowly, poll, vanish and come back on either engine. Compared with a plain array.
 *
 * `HALLEY_SCHEDULES` sets how many schedules are tried (default 300).
 */
import fc from "npm:fast-check@^4.10.0";
import type { MaybePromise } from "../src/backplane.ts";
import { process } from "../src/deps.ts";
import { createEngine, type Engine } from "../src/engine.ts";
import { test } from "./harness.ts";
import { fileWorld, kvWorld } from "./kept_world.ts";
import { World } from "./simulated_backplane.ts";
import { type Kind, SimulatedClient } from "./simulated_client.ts";

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
  skip: 2,
  repeat: 2,
  fail: 1,
  sweep: 3,
  trim: 1,
  trimFeed: 1,
  renew: 2,
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

/** Two engines on one backplane, and their clients. */
export class Play {
  now = 1_000_000;
  readonly engines: Engine[];
  readonly clients: SimulatedClient[];
  readonly problems: unknown[] = [];

  constructor(frames: number, logs: number, readonly world = new World()) {
    this.clients = SUBSCRIPTIONS.map(([kind, channels], i) =>
      new SimulatedClient(`${i} ${kind}`, kind, channels, world)
    );
    const clock = { now: () => this.now, schedule: () => () => {} };
    this.engines = [0, 1].map((node) => {
      const engine = createEngine({
        backplane: this.world.backplane(node),
        history: { frames, age: 60_000 },
        limits: { logs },
        linger: 20_000,
        clock,
      });
      engine.on("error", (error) => {
        if (!/simulated/.test(String(error))) this.problems.push(error);
      });
      this.world.deliver(node);
      return engine;
    });
  }

  async step([kind, first, second]: Step): Promise<void> {
    const { world } = this;
    const node = first % 2;
    const engine = this.engines[node]!;
    const client = this.clients[second % this.clients.length]!;
    const channel = CHANNELS[(second >> 2) % CHANNELS.length]!;
    switch (kind) {
      case "publish":
        return void await engine.publish(channel, DATA[first % 3]);
      case "sendToAll":
        return void await engine.sendToAll("to/all", second);
      case "sendTo": {
        const { connection } = client;
        if (!connection || !engine.connections.has(connection.id)) return;
        return void await engine.sendTo(connection.id, "to/one", second);
      }
      case "deliver":
        for (let i = 0; i <= second % 5; i++) world.deliver(node);
        return;
      case "skip":
        return world.skip(node);
      case "repeat":
        return world.repeat(node);
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
        return world.trimFeed();
      case "renew":
        return await world.renew();
      case "sweep":
        this.now += (first % 4) * 10_000;
        for (const each of this.engines) each.sweep(this.now);
        return;
    }
  }

  connect(client: SimulatedClient, engine: Engine, reclaim: boolean): void {
    client.connect(engine, reclaim).catch((error) => {
      if (
        !/simulated|out of reach|starting|many channels/.test(String(error))
      ) {
        this.problems.push(error);
      }
    });
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
      for (const node of [0, 1]) {
        while (!this.world.delivered(node)) this.world.deliver(node);
        this.checkFrames();
      }
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
        this.connect(client, this.engines[i % 2]!, i % 3 > 0);
      });
    }
    for (const client of this.clients) client.read(Infinity);
  }

  /** What no single frame may violate, and what went wrong inside. */
  checkFrames(): void {
    for (const problem of this.problems) throw problem;
    for (const { violations } of this.clients) {
      const [violation] = violations;
      if (violation) throw new Violation(violation);
    }
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
        for (const each of steps) {
          await play.step(each);
          play.checkFrames();
        }
        await play.settle();
        play.check();
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
