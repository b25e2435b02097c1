/**
 * A node goes away without a stampede: its connections are ended in waves, and
 * each client is told when to come back, so that no second brings too many.
 * @module
 */
import type { DropReason } from "./errors.ts";
import { count, type Settings } from "./options.ts";

/** How an engine is closed. */
export interface CloseOptions {
  /** Over how long its connections are ended, in ms (default 0: at once). */
  readonly over?: number;
  /**
   * How long nobody will be there to come back to once it is closed, in ms, as
   * when the only server is restarted: clients are asked back after that. By
   * default other servers are there, and clients are asked back right away.
   */
  readonly downtime?: number;
}

/** What a drain needs to know of its engine. */
export interface DrainHost {
  readonly connections: ReadonlyMap<string, { readonly sink: unknown }>;
  drop(id: string, reason: DropReason, after?: number): void;
}

/** Waves, and times to come back, are so many ms apart: clients share frames. */
const STEP = 250;

/** Nobody is asked back earlier, in ms. */
const FIRST = 500;

/** Over so many ms they come back even where they are few. */
const SPREAD = 4_000;

/**
 * What of the rate is made use of: a second may hold one step more than its share,
 * and clients come a little early or late.
 */
const SHARE = 0.8;

/** The end of an engine's connections. */
export class Drain {
  /** Resolves when all are ended. */
  readonly done: Promise<void>;
  readonly #host: DrainHost;
  readonly #clock: Settings["clock"];
  readonly #began: number;
  readonly #total: number;
  /** Who is still there, in the order in which they came. */
  readonly #rest: Iterator<readonly [string, { readonly sink: unknown }]>;
  /** How long it takes until all are back, and how far apart two are, in ms. */
  readonly #spread: number;
  readonly #gap: number;
  /** From when on somebody is there to come back to, in ms from the beginning. */
  readonly #from: number;
  #over: number;
  /** When the next one comes back, in ms from the beginning. */
  #back: number;
  #ended = 0;
  #cancel = () => {};
  #finish = () => {};

  /** Begins with the first `wave`. Throws a `RangeError` that names a wrong time. */
  constructor(
    host: DrainHost,
    { clock, reconnectRate }: Pick<Settings, "clock" | "reconnectRate">,
    { over: asked, downtime }: CloseOptions = {},
  ) {
    const over = count("over", asked, 0);
    const away = count("downtime", downtime, 0);
    this.#host = host;
    this.#clock = clock;
    this.#began = clock.now();
    this.#over = over;
    this.#total = host.connections.size;
    this.#rest = host.connections.entries();
    // Where others take over, a client is asked back soon after it was ended.
    const least = Math.max(SPREAD, downtime === undefined ? over : 0);
    const slow = 1_000 / (SHARE * reconnectRate);
    this.#spread = Math.max(least, this.#total * slow);
    this.#gap = Math.max(
      slow,
      Math.min(STEP, this.#spread / Math.max(1, this.#total)),
    );
    const from = downtime === undefined ? 0 : over + away;
    this.#from = this.#back = Math.ceil(from / STEP) * STEP;
    this.done = new Promise((resolve) => this.#finish = resolve);
  }

  /** When the next client that asks shall come back, in ms from now. */
  back(): number {
    const now = this.#clock.now() - this.#began;
    const wave = now - now % STEP;
    const first = Math.max(this.#from, wave) + FIRST;
    this.#back = Math.max(this.#back, first);
    let at = this.#back;
    // Those who ask again and again are not to send the others far away.
    if (at > first + 2 * this.#spread) {
      at = first + Math.random() * this.#spread;
    } else this.#back += this.#gap;
    return at - at % STEP - wave;
  }

  /** Ends those whose time has come; `done` resolves after the last. */
  wave(): void {
    this.#cancel();
    const next = this.#clock.now() - this.#began + STEP;
    const due = next >= this.#over ? Infinity : this.#total * next / this.#over;
    while (this.#ended < due) {
      const { value, done } = this.#rest.next();
      if (done) break;
      this.#ended++;
      // Who is away hears nothing now, and is told when it asks.
      const [id, { sink }] = value;
      this.#host.drop(id, "shutdown", sink ? this.back() : undefined);
    }
    const none = this.#host.connections.size === 0;
    if (none || due === Infinity) return this.#finish();
    this.#cancel = this.#clock.schedule(() => this.wave(), STEP);
  }

  /** Makes it end within `over` ms, if it would take longer. */
  hurry(over?: number): void {
    const end = this.#clock.now() - this.#began + count("over", over, 0);
    if (end >= this.#over) return;
    this.#over = end;
    this.wave();
  }
}
