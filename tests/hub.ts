/**
 * One order that several engines share in one process, brought to each at once: for
 * tests of what nodes do together. It can be out of reach, hold back what one node
 * hears, and lose its order.
 * @module
 */
import {
  type Backplane,
  type FeedListener,
  pageEnd,
} from "../src/backplane.ts";
import { createEngine, type Engine } from "../src/engine.ts";
import { PushError } from "../src/errors.ts";
import { Frame } from "../src/frame.ts";
import { watchedChannel } from "../src/name.ts";
import type { EngineOptions } from "../src/options.ts";
import type { Position } from "../src/position.ts";
import { type ManualClock, manualClock, turn } from "./harness.ts";

/** A node's end of the feed. */
interface Ear {
  readonly node: number;
  readonly listener: FeedListener;
  epoch: string;
  seq: number;
}

/** The order. */
export class Hub {
  epoch = "e1";
  frames: Frame[] = [];
  /** Whether nobody can publish. */
  away = false;
  /** Whether what is published is, but its publisher is told that nobody knows. */
  unsure = false;
  /** Nodes that hear nothing for now. */
  readonly deaf = new Set<number>();
  /** Nodes that can tell of no joins and leaves for now. */
  readonly late = new Set<number>();
  /** Nodes that are no more. */
  readonly dead = new Set<number>();
  /** How many reads there were, of which logs. */
  readonly reads: string[] = [];
  readonly #ears = new Set<Ear>();
  readonly #keys = new Map<string, Position>();
  #time = 0;

  get top(): Position {
    return { epoch: this.epoch, seq: this.frames.length };
  }

  /** What node number `node` is given. */
  backplane(node: number): Backplane {
    return {
      publish: (draft) => {
        // A dead process publishes nothing, and nobody waits for it.
        if (this.dead.has(node)) return new Promise(() => {});
        const told = watchedChannel(draft.log) !== undefined;
        const late = told && this.late.has(node);
        if (this.away || late) throw new PushError("unavailable");
        const key = draft.key && `${draft.log}\n${draft.key}`;
        const known = key && this.#keys.get(key);
        if (known) return known;
        const { epoch } = this;
        const seq = this.frames.length + 1;
        const time = this.#time = Math.max(draft.time, this.#time + 0.001);
        this.frames.push(new Frame({ ...draft, epoch, seq, time }));
        if (key) this.#keys.set(key, { epoch, seq });
        this.deliver();
        if (this.unsure) throw new PushError("unavailable");
        return { epoch, seq };
      },
      feed: (after, listener) => {
        const ear = { node, listener, epoch: "", seq: 0, ...after };
        this.#ears.add(ear);
        this.deliver();
        return () => this.#ears.delete(ear);
      },
      read: (log, after, limit) => {
        this.reads.push(log);
        const frames = this.frames.filter((frame) =>
          frame.log === log && frame.seq > after
        ).slice(0, limit);
        const next = pageEnd(frames, limit);
        return Promise.resolve({ epoch: this.epoch, frames, next, floor: 0 });
      },
      tops: () => {
        const tops = new Map(this.frames.map(({ log, seq }) => [log, seq]));
        return Promise.resolve({ epoch: this.epoch, tops, floor: 0 });
      },
      top: () => this.top,
      close: () => {},
    };
  }

  /** Brings everybody who hears what is missing. */
  deliver(): void {
    for (const ear of this.#ears) {
      if (this.deaf.has(ear.node)) continue;
      if (ear.epoch !== this.epoch) {
        const known = ear.epoch !== "";
        ear.epoch = this.epoch;
        ear.seq = known ? 0 : this.frames.length;
        ear.listener.epoch({ epoch: ear.epoch, seq: ear.seq });
      }
      while (ear.seq < this.frames.length) {
        ear.listener.frame(this.frames[ear.seq++]!);
      }
    }
  }

  /** Node `node` never hears what lies up to the present. */
  lose(node: number): void {
    for (const ear of this.#ears) {
      if (ear.node !== node) continue;
      ear.seq = this.frames.length;
      ear.listener.lost(ear.seq);
    }
  }

  /** Another order begins. */
  renew(): void {
    this.epoch = `e${Number(this.epoch.slice(1)) + 1}`;
    this.frames = [];
    this.#keys.clear();
    this.deliver();
  }
}

/** Some engines on one hub and by one clock. */
export class Cluster {
  readonly hub = new Hub();
  readonly clock: ManualClock = manualClock();
  readonly engines: Engine[] = [];
  /** What went to `error` listeners. */
  readonly errors: unknown[] = [];
  readonly #still = new Set<Engine>();
  /** What was due to nodes that stand still. */
  readonly #due = new Map<Engine, () => void>();

  /** Starts so many; they know each other when this is done. */
  static async start(
    count: number,
    options: EngineOptions = {},
  ): Promise<Cluster> {
    const cluster = new Cluster();
    for (let i = 0; i < count; i++) cluster.add(options);
    await cluster.settle();
    return cluster;
  }

  /** Starts one more. */
  add(options: EngineOptions = {}): Engine {
    const { hub, clock, engines } = this;
    const engine = createEngine({
      backplane: hub.backplane(engines.length),
      // Each goes by its own alarm, and stops with it.
      clock: {
        now: clock.now,
        schedule: (ring, delay) =>
          clock.schedule(() => {
            if (this.#still.has(engine)) this.#due.set(engine, ring);
            else ring();
          }, delay),
      },
      ...options,
    });
    engine.on("error", (error) => void this.errors.push(error));
    engines.push(engine);
    return engine;
  }

  /** Ends a node as kill -9 does: it hears and says nothing more. */
  kill(engine: Engine): void {
    this.freeze(engine);
    this.hub.dead.add(this.engines.indexOf(engine));
  }

  /** A node's process stands still. */
  freeze(engine: Engine): void {
    this.#still.add(engine);
    this.hub.deaf.add(this.engines.indexOf(engine));
  }

  /** It goes on. */
  thaw(engine: Engine): void {
    this.#still.delete(engine);
    this.hub.deaf.delete(this.engines.indexOf(engine));
    this.hub.deliver();
    this.#due.get(engine)?.();
  }

  /** Lets `ms` go by, in which nodes say what they have to. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 500) {
      this.clock.advance(Math.min(500, left));
      await this.said();
    }
  }

  /** Lets everything be said that waits for nothing but a turn. */
  async said(): Promise<void> {
    for (let i = 0; i < 6; i++) await turn();
  }

  /** New nodes have heard all, and told who is there. */
  settle(): Promise<void> {
    return this.pass(5_000);
  }
}
