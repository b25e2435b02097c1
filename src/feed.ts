/**
 * The one feed of a node (O1): every message of the backplane, in order, without
 * holes. `applied` is the last one taken.
 * @module
 */
import type { Backplane } from "./backplane.ts";
import type { Frame } from "./frame.ts";
import type { Position } from "./position.ts";

/** Who takes what the feed brings. */
export interface FeedHost {
  /** Puts a message into its logs; nothing may be written before `appended`. */
  append(frame: Frame): void;
  /** `applied` has moved to the message just put into the logs. */
  appended(): void;
  /** Another order begins. */
  renewed(): void;
  /** What lies up to `seq` will not come. */
  lost(seq: number): void;
}

/** Follows a backplane, and asks again from `applied` where something is missing. */
export class Feed {
  /** The present order; empty until the backplane has named one. */
  epoch = "";
  /** The last `seq` taken. */
  applied = 0;
  readonly #backplane: Backplane;
  readonly #host: FeedHost;
  #stop: (() => void) | undefined;

  constructor(backplane: Backplane, host: FeedHost) {
    this.#backplane = backplane;
    this.#host = host;
  }

  /** Begins with the present order. */
  start(): void {
    this.#open(undefined);
  }

  /** Ends for good. */
  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  #open(after: Position | undefined): void {
    let open = true;
    const stop = this.#backplane.feed(after, {
      frame: (frame) => {
        if (!open || frame.epoch !== this.epoch) return;
        if (frame.seq <= this.applied) return;
        if (frame.seq === this.applied + 1) return this.#take(frame);
        open = false;
        this.#again();
      },
      epoch: (position) => {
        if (!open || position.epoch === this.epoch) return;
        this.epoch = position.epoch;
        this.applied = position.seq;
        this.#host.renewed();
      },
      lost: (seq) => {
        if (!open || seq <= this.applied) return;
        this.applied = seq;
        this.#host.lost(seq);
      },
    });
    this.#stop = () => {
      open = false;
      stop();
    };
  }

  #take(frame: Frame): void {
    this.#host.append(frame);
    this.applied = frame.seq;
    this.#host.appended();
  }

  /** What lies between is read first: the feed starts anew where we are. */
  #again(): void {
    queueMicrotask(() => {
      if (!this.#stop) return;
      this.#stop();
      this.#open({ epoch: this.epoch, seq: this.applied });
    });
  }
}
