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
  /** The recent past has been read; from here on the feed is the present. */
  begun(): void;
}

/** Follows a backplane, and asks again from `applied` where something is missing. */
export class Feed {
  /** The last `seq` taken. */
  applied = 0;
  /** Resolves when it has reached the present, or is stopped before. */
  readonly reached: Promise<void>;
  readonly #reach: () => void;
  readonly #backplane: Backplane;
  readonly #host: FeedHost;
  /** How many of the newest messages are read before anything else. */
  readonly #preload: number;
  #epoch = "";
  /** The last message's. */
  #time = 0;
  /** Up to here it is the past: nobody is served before that has been read. */
  #past = Infinity;
  #stopped = false;
  #stop: (() => void) | undefined;

  constructor(backplane: Backplane, host: FeedHost, preload = 0) {
    this.#backplane = backplane;
    this.#host = host;
    this.#preload = preload;
    const { promise, resolve } = Promise.withResolvers<void>();
    [this.reached, this.#reach] = [promise, resolve];
  }

  /** The present order; empty until the feed has reached the present. */
  get epoch(): string {
    return this.#past === 0 ? this.#epoch : "";
  }

  /** Begins a little before the present, as far as the backplane can say. */
  start(): void {
    if (this.#preload === 0) return this.#open(undefined);
    const top = this.#backplane.top();
    if (!(top instanceof Promise)) return this.#begin(top);
    top.then(
      (position) => this.#begin(position),
      () => this.#seek(),
    );
  }

  /** Nobody can say yet what is there: a feed does as soon as it begins. */
  #seek(): void {
    if (this.#stopped) return;
    const { promise, resolve } = Promise.withResolvers<Position>();
    this.#stop = this.#backplane.feed(undefined, {
      frame() {},
      epoch: resolve,
      lost() {},
    });
    promise.then((position) => {
      this.#stop?.();
      this.#begin(position);
    });
  }

  /** Ends for good. */
  stop(): void {
    this.#stopped = true;
    this.#reach();
    this.#stop?.();
    this.#stop = undefined;
  }

  #begin({ epoch, seq }: Position): void {
    if (this.#stopped) return;
    if (seq === 0) return this.#open(undefined);
    this.#renew({ epoch, seq: Math.max(0, seq - this.#preload) });
    this.#past = seq;
    this.#open({ epoch, seq: this.applied });
  }

  #open(after: Position | undefined): void {
    let open = true;
    const stop = this.#backplane.feed(after, {
      frame: (frame) => {
        if (!open || frame.epoch !== this.#epoch) return;
        if (frame.seq <= this.applied) return;
        if (frame.seq === this.applied + 1) return this.#take(frame);
        open = false;
        this.#again();
      },
      epoch: (position) => {
        if (!open || position.epoch === this.#epoch) return;
        const began = this.#past === 0;
        // Of another order there is no past that anyone could ask for.
        this.#past = 0;
        this.#renew(position);
        if (!began) this.#begun();
      },
      lost: (seq) => {
        if (!open || seq <= this.applied) return;
        this.applied = seq;
        this.#host.lost(seq);
        this.#arrive();
      },
    });
    this.#stop = () => {
      open = false;
      stop();
    };
  }

  #take(message: Frame): void {
    // Two nodes may have published at once, each above what it knew.
    const frame = message.time > this.#time ? message : message.at(
      (Math.round(this.#time * 1_000) + 1) / 1_000,
    );
    this.#time = frame.time;
    this.#host.append(frame);
    this.applied = frame.seq;
    this.#host.appended();
    this.#arrive();
  }

  #renew(position: Position): void {
    this.#epoch = position.epoch;
    this.applied = position.seq;
    this.#host.renewed();
  }

  /** Whether that was the last of the past. */
  #arrive(): void {
    if (this.#past === 0 || this.applied < this.#past) return;
    this.#past = 0;
    this.#begun();
  }

  #begun(): void {
    this.#reach();
    this.#host.begun();
  }

  /** What lies between is read first: the feed starts anew where we are. */
  #again(): void {
    queueMicrotask(() => {
      if (!this.#stop) return;
      this.#stop();
      this.#open({ epoch: this.#epoch, seq: this.applied });
    });
  }
}
