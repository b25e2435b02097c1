/**
 * One reader of an order, and all who listen to it: each is brought on from its
 * own place, and those who come late or fall behind are read what they lack.
 * @module
 */
import type { FeedListener } from "../backplane.ts";
import type { Frame } from "../frame.ts";
import type { Position } from "../position.ts";
import { pause } from "./retry.ts";

/** How many messages are read at once, where they come in time. */
const PAGE = 512;

/** How much is read at once: less where that much was too late, then more again. */
export class Page {
  #size = PAGE;
  #next = PAGE;

  /** So much is tried now: half of that the next time, unless it `came`. */
  try(): number {
    this.#size = this.#next;
    this.#next = Math.max(1, this.#size >> 1);
    return this.#size;
  }

  /** What was tried came in time. */
  came(): void {
    this.#next = Math.min(PAGE, this.#size * 2);
  }
}

/**
 * Reads what the order holds above a place, oldest first, up to `limit`; what is
 * no longer held is left out.
 */
export type Past = (after: Position, limit: number) => Promise<Frame[]>;

interface Follower {
  readonly listener: FeedListener;
  /** Where it wants to begin. */
  readonly after: Position | undefined;
  /** The order it was told of; empty before that. */
  epoch: string;
  /** How far it has been brought. */
  seq: number;
  /** Whether it lacks what the reader has had, which is being read. */
  behind: boolean;
  /** Aborts once it hears nothing any more. */
  readonly left: AbortController;
}

/** Those who follow one order through one reader. */
export class Fan {
  readonly #past: Past;
  readonly #followers = new Set<Follower>();
  #read: Position = { epoch: "", seq: 0 };
  #known: Position = this.#read;

  constructor(past: Past) {
    this.#past = past;
  }

  /** How far the reader is; its epoch is empty before it has begun. */
  get read(): Position {
    return this.#read;
  }

  /** The newest place in the reader's order that this process has heard of. */
  get known(): Position {
    const same = this.#known.epoch === this.#read.epoch;
    return same && this.#known.seq > this.#read.seq ? this.#known : this.#read;
  }

  /** Something was published at `position`; the reader will get there. */
  heard(position: Position): void {
    const { epoch, seq } = this.#known;
    if (position.epoch !== epoch || position.seq > seq) this.#known = position;
  }

  /** Whether the reader lacks something that was published from here. */
  get misses(): boolean {
    return this.#known.epoch !== "" &&
      (this.#known.epoch !== this.#read.epoch ||
        this.#known.seq > this.#read.seq);
  }

  /** Lets `listener` follow, as `Backplane.feed` says. */
  add(after: Position | undefined, listener: FeedListener): () => void {
    const follower: Follower = {
      listener,
      after,
      epoch: "",
      seq: 0,
      behind: false,
      left: new AbortController(),
    };
    this.#followers.add(follower);
    if (this.#read.epoch !== "") this.#place(follower);
    return () => this.#remove(follower);
  }

  /** The reader has found another order; it goes on after `position`. */
  begin(position: Position): void {
    this.#read = position;
    for (const follower of this.#followers) {
      if (follower.epoch === "") this.#place(follower);
      else this.#renew(follower, position);
    }
  }

  /** The reader has the next message. */
  frame(frame: Frame): void {
    this.#read = frame;
    for (const follower of this.#followers) {
      if (!follower.behind) this.#bring(follower, frame);
    }
  }

  /** The reader has missed what lies up to `seq`: it is no longer held. */
  lost(seq: number): void {
    this.#read = { epoch: this.#read.epoch, seq };
    for (const follower of this.#followers) {
      if (!follower.behind) this.#skip(follower, seq);
    }
  }

  /** Nobody hears anything from now on. */
  clear(): void {
    for (const follower of this.#followers) this.#remove(follower);
  }

  #remove(follower: Follower): void {
    this.#followers.delete(follower);
    follower.left.abort();
  }

  #place(follower: Follower): void {
    const { after } = follower;
    if (after?.epoch !== this.#read.epoch) {
      return this.#renew(follower, this.known);
    }
    follower.epoch = after.epoch;
    follower.seq = after.seq;
    if (after.seq < this.#read.seq) this.#catchUp(follower);
  }

  #renew(follower: Follower, { epoch, seq }: Position): void {
    follower.epoch = epoch;
    follower.seq = seq;
    follower.behind = false;
    this.#tell(follower, (listener) => listener.epoch({ epoch, seq }));
  }

  #bring(follower: Follower, frame: Frame): void {
    if (frame.seq <= follower.seq) return;
    this.#skip(follower, frame.seq - 1);
    follower.seq = frame.seq;
    this.#tell(follower, (listener) => listener.frame(frame));
  }

  #skip(follower: Follower, seq: number): void {
    if (seq <= follower.seq) return;
    follower.seq = seq;
    this.#tell(follower, (listener) => listener.lost(seq));
  }

  async #catchUp(follower: Follower): Promise<void> {
    follower.behind = true;
    const { epoch, left: { signal } } = follower;
    const page = new Page();
    for (let failures = 0; follower.seq < this.#read.seq;) {
      let frames: Frame[] | undefined;
      try {
        frames = await this.#past({ epoch, seq: follower.seq }, page.try());
        page.came();
        failures = 0;
      } catch {
        // Whoever reads tells the operator.
        await pause(failures++, signal);
      }
      // Another order has begun for it meanwhile.
      if (follower.epoch !== epoch || signal.aborted) return;
      for (const frame of frames ?? []) this.#bring(follower, frame);
      if (frames?.length === 0) this.#skip(follower, this.#read.seq);
    }
    follower.behind = false;
  }

  /** What a listener throws is the program's to see; the others are served. */
  #tell(follower: Follower, what: (listener: FeedListener) => void): void {
    if (!this.#followers.has(follower)) return;
    try {
      what(follower.listener);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
