/**
 * A backplane that does what a test tells it, step by step: it answers reads when
 * asked to, and its feed can be held back, cut, or given another order.
 * @module
 */
import {
  type Backplane,
  type Draft,
  type FeedListener,
  pageEnd,
  type Reading,
  type Tops,
} from "../src/backplane.ts";
import { PushError } from "../src/errors.ts";
import { Frame } from "../src/frame.ts";
import type { Position } from "../src/position.ts";

/** A read that waits for its answer. */
export interface Pending {
  /** What was asked for: a log's name, or `tops`. */
  readonly name: string;
  readonly after: number;
  /** Answers with what was held when it was asked. */
  answer(): void;
  fail(): void;
}

/** The order, one listener, and the reads under way. */
export class HandBackplane implements Backplane {
  /** With one node alone, nothing but what a test publishes is in the order. */
  readonly local: boolean;
  epoch = "e1";
  frames: Frame[] = [];
  /** Whether messages reach the feed as soon as they are published. */
  feeding = true;
  /** Whether `top` fails. */
  unreachable = false;
  /** Where the feed was asked to begin, each time. */
  readonly asked: (Position | undefined)[] = [];
  readonly pending: Pending[] = [];
  listener: FeedListener | undefined;
  /** Where each log begins here. */
  readonly floors = new Map<string, number>();
  readonly #from: number;
  declare read: Backplane["read"] & object;
  declare tops: Backplane["tops"] & object;

  /** `seq` is where the order begins; `readable` whether there are reads. */
  constructor({ seq = 0, readable = true, local = true } = {}) {
    this.local = local;
    this.#from = seq;
    if (!readable) return;
    this.read = (log, after, limit) =>
      this.#ask(log, after, this.#reading(log, after, limit));
    this.tops = () => this.#ask("tops", 0, this.#tops());
  }

  get seq(): number {
    return this.frames.at(-1)?.seq ?? this.#from;
  }

  publish(draft: Draft): Position {
    const frame = this.add(draft.log, draft);
    if (this.feeding) this.listener?.frame(frame);
    return { epoch: this.epoch, seq: frame.seq };
  }

  /** Puts a message into the order without telling anyone. */
  add(log: string, draft: Partial<Draft> = {}): Frame {
    const seq = this.seq + 1;
    const data = draft.data ?? String(seq);
    const frame = new Frame({
      channel: log,
      time: 1_000_000 + seq,
      ...draft,
      data,
      log,
      epoch: this.epoch,
      seq,
    });
    this.frames.push(frame);
    return frame;
  }

  feed(after: Position | undefined, listener: FeedListener): () => void {
    this.asked.push(after);
    this.listener = listener;
    const { epoch, seq } = this;
    if (after?.epoch !== epoch) listener.epoch({ epoch, seq });
    else this.bring(after.seq);
    return () => {
      if (this.listener === listener) this.listener = undefined;
    };
  }

  /** Brings the feed what lies above `after`, up to `upTo`. */
  bring(after: number, upTo = Infinity): void {
    for (const frame of this.frames) {
      if (frame.seq > after && frame.seq <= upTo) this.listener?.frame(frame);
    }
  }

  /** Another order begins, and the feed is told. */
  renew(epoch: string): void {
    this.epoch = epoch;
    this.frames = [];
    this.listener?.epoch({ epoch, seq: this.seq });
  }

  top(): Promise<Position> {
    if (this.unreachable) return Promise.reject(new PushError("unavailable"));
    return Promise.resolve({ epoch: this.epoch, seq: this.seq });
  }

  close(): void {
    this.listener = undefined;
  }

  /** Answers all reads, and those that follow from them. */
  async answerAll(): Promise<void> {
    for (let quiet = 0; quiet < 20; quiet++) {
      const waiting = this.pending.splice(0);
      for (const read of waiting) read.answer();
      if (waiting.length > 0) quiet = 0;
      await Promise.resolve();
    }
  }

  #reading(log: string, after: number, limit: number): Reading {
    const floor = this.floors.get(log) ?? 0;
    const frames = this.frames.filter((frame) =>
      frame.log === log && frame.seq > Math.max(after, floor)
    );
    const page = frames.slice(0, limit);
    return {
      epoch: this.epoch,
      frames: page,
      next: pageEnd(page, limit),
      floor,
    };
  }

  #tops(): Tops {
    const tops = new Map(this.frames.map(({ log, seq }) => [log, seq]));
    return { epoch: this.epoch, tops, floor: 0 };
  }

  #ask<T>(name: string, after: number, value: T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.pending.push({
      name,
      after,
      answer: () => resolve(value),
      fail: () => reject(new PushError("unavailable", "by hand")),
    });
    return promise;
  }
}
