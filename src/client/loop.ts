/**
 * The connect loop: it keeps one response open, whatever the transport, and comes
 * back when that ends.
 * @module
 */
import { PushError, pushError } from "./error.ts";
import type { Frame, Open } from "./frame.ts";
import type { Http } from "./http.ts";
import type { Place } from "./place.ts";
import { type Backoff, delay, sleep } from "./time.ts";
import { type Transport, transports } from "./transports.ts";

/** What a client is doing. */
export type State = "idle" | "connecting" | "open" | "waiting" | "closed";

/** A change of state. */
export interface Report {
  readonly state: State;
  readonly transport?: Transport | undefined;
  /** The public id of the connection. */
  readonly id?: string | undefined;
  /** Which wait this is since it was last open, from 1 (`waiting`). */
  readonly attempt?: number;
  /** How long it waits, in ms (`waiting`). */
  readonly delay?: number;
  /** Why (`waiting`, `closed`). */
  readonly code?: PushError["code"];
  /** The same for people. */
  readonly reason?: string;
}

/** Who takes what the loop brings. */
export interface Receiver {
  frames(frames: Frame[]): void;
  report(report: Report): void;
}

/** What a loop shares with whoever goes on after it: where it stands, and as whom. */
export interface Seat {
  readonly place: Place;
  /** The secret of the connection, to be reclaimed. */
  key: string | undefined;
}

/** How a loop is set up. */
export interface LoopOptions {
  readonly http: Http;
  readonly seat: Seat;
  /** What may be tried, the best first. */
  readonly transports: readonly Transport[];
  readonly openTimeout: number;
  readonly backoff: Backoff;
  /** Called when a transport was held back, perhaps for want of sockets. */
  readonly held?: () => void;
}

/** How many `openTimeout`s it stays on a worse transport before it tries a better. */
const PATIENCE = 12;

/** Keeps one response open. */
export class Loop {
  readonly #options: LoopOptions;
  readonly #to: Receiver;
  #names: readonly string[] = [];
  /** The present run: whatever another one still does has no effect. */
  #run = 0;
  #attempt = new AbortController();
  #nap = new AbortController();
  /** When silence will be the end, in ms since 1970. */
  #deadline = Infinity;
  #failures = 0;
  /** Which transport is tried now, and which was the last to work. */
  #level = 0;
  #good = 0;
  #patience = PATIENCE;
  #upgrade: ReturnType<typeof setTimeout> | undefined;
  #crowded = false;

  constructor(options: LoopOptions, to: Receiver) {
    this.#options = options;
    this.#to = to;
  }

  /** Listens to `names`; closes and reopens if they changed, or if it shall. */
  listen(names: readonly string[], again = false): void {
    if (!again && names.join("\n") === this.#names.join("\n")) return;
    this.stop();
    this.#names = names;
    if (names.length > 0) this.#go();
    else this.#to.report({ state: "idle" });
  }

  /** Ends what is open, and comes back no more. */
  stop(): void {
    this.#run++;
    this.#names = [];
    this.#attempt.abort();
    this.#nap.abort();
    clearTimeout(this.#upgrade);
    this.#upgrade = undefined;
  }

  /** The network has changed: everything is tried anew, at once. */
  renew(): void {
    this.#level = this.#good = this.#failures = 0;
    this.#crowded = false;
    this.#again();
  }

  /** There are too few sockets for everyone: leaves them alone between polls. */
  crowd(): void {
    if (this.#crowded) return;
    this.#crowded = true;
    this.#level = this.#good = this.#options.transports.length - 1;
    this.#again();
  }

  /** Somebody looks again: no wait goes on, and what is dead is seen to be. */
  look(): void {
    this.#nap.abort();
    if (Date.now() > this.#deadline) this.fail("timeout", "It slept too long.");
  }

  /** Ends the present attempt, as a failure. */
  fail(code: PushError["code"], reason: string): void {
    this.#attempt.abort(new PushError(code, reason, true));
  }

  #again(): void {
    this.listen(this.#names, true);
  }

  async #go(): Promise<void> {
    const run = this.#run;
    while (run === this.#run) {
      const error = await this.#try(run);
      if (run !== this.#run) return;
      const { code, message: reason, retryAfter } = error;
      // Another client has our key, or we have become somebody else.
      const { seat } = this.#options;
      const stale = code === "forbidden" && seat.key && retryAfter !== 0;
      if (code === "replaced" || stale) seat.key = undefined;
      if (!error.retryable && !stale) {
        this.stop();
        return this.#to.report({ state: "closed", code, reason });
      }
      const ms = this.#held
        ? 0
        : delay(this.#options.backoff, this.#failures++, retryAfter);
      this.#to.report({
        state: "waiting",
        attempt: this.#failures,
        delay: ms,
        code,
        reason,
      });
      this.#nap = new AbortController();
      if (ms > 0) await sleep(ms, this.#nap.signal).catch(() => {});
    }
  }
}
