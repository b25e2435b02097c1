/**
 * A backplane that shows every race the memory one hides: it delivers late, with
 * holes and repeats, answers reads when it is told to, forgets, loses its order,
 * and brings several engines to different places in it.
 * @module
 */
import {
  type Backplane,
  type Draft,
  type FeedListener,
  type MaybePromise,
  pageEnd,
  type Reading,
  type Tops,
} from "../src/backplane.ts";
import { PushError } from "../src/errors.ts";
import { Frame } from "../src/frame.ts";
import { NODES, watchedChannel } from "../src/name.ts";
import type { Position } from "../src/position.ts";

/** A question that waits for its answer. */
interface Question {
  answer(): void;
  fail(): void;
}

function simulated(): PushError {
  return new PushError("unavailable", "simulated");
}

/** One engine's feed: how far it has been brought. */
class FeedCursor {
  /** The order it was told of last. */
  epoch = "";
  seq = 0;
  constructor(readonly listener: FeedListener) {}
}

/** The order itself, and the engines that follow it. */
export class World {
  epoch = "e1";
  /** Every message of this epoch, from `seq` 1. */
  frames: Frame[] = [];
  /** Every message of all epochs. */
  readonly history: Frame[] = [];
  readonly questions: Question[] = [];
  /** The `seq` up to which the feed itself no longer holds messages. */
  feedFloor = 0;
  /** How often an engine was told that part of the feed is lost. */
  losses = 0;
  /** How many questions it has failed to answer. */
  failures = 0;
  /** How many of the nodes' own messages fail next: every other one comes yet. */
  away = 0;
  readonly #floors = new Map<string, number>();
  readonly #keys = new Map<string, { position: Position; data: string }>();
  readonly #feeds = new Map<number, FeedCursor>();
  readonly #dead = new Set<number>();
  /** The order in which each node has last said something. */
  readonly #spoken = new Map<number, string>();
  #time = 0;

  get top(): Position {
    return { epoch: this.epoch, seq: this.frames.length };
  }

  /** The backplane of engine number `node`. */
  backplane(node: number): Backplane {
    return {
      publish: (draft) => {
        // A dead process publishes nothing, and nobody waits for it.
        if (this.#dead.has(node)) return new Promise(() => {});
        const own = draft.log === NODES || watchedChannel(draft.log);
        const fails = own && this.away > 0;
        if (fails && --this.away % 2 === 0) throw simulated();
        if (draft.log === NODES) this.#spoken.set(node, this.epoch);
        const position = this.publish(draft);
        if (!fails) return position;
        Promise.resolve(position).catch(() => {});
        throw simulated();
      },
      feed: (after, listener) => {
        const cursor = new FeedCursor(listener);
        if (after?.epoch === this.epoch) {
          cursor.epoch = after.epoch;
          cursor.seq = after.seq;
        }
        this.#feeds.set(node, cursor);
        return () => {
          if (this.#feeds.get(node) === cursor) this.#feeds.delete(node);
        };
      },
      read: (log, after, limit) =>
        this.#ask(() => this.read(log, after, limit)),
      tops: () => this.#ask(() => this.tops()),
      top: () => this.#ask(() => this.top),
      close: () => void this.#feeds.delete(node),
    };
  }

  /** Whether others can have heard of engine `node` in the present order. */
  hasSpoken(node: number): boolean {
    return this.#spoken.get(node) === this.epoch;
  }

  /** Engine `node` is no more. */
  kill(node: number): void {
    this.#dead.add(node);
    this.#feeds.delete(node);
  }

  publish(draft: Draft): MaybePromise<Position> {
    const key = draft.key && `${draft.log}\n${draft.key}`;
    const known = key && this.#keys.get(key);
    if (known) {
      if (known.data === draft.data) return known.position;
      throw new PushError("key_reused");
    }
    const seq = this.frames.length + 1;
    this.#time = Math.max(this.#time + 0.001, draft.time);
    const frame = new Frame({
      ...draft,
      epoch: this.epoch,
      seq,
      time: this.#time,
    });
    this.frames.push(frame);
    this.history.push(frame);
    const position = { epoch: this.epoch, seq };
    if (key) this.#keys.set(key, { position, data: draft.data });
    return position;
  }

  read(
    log: string,
    after: number,
    limit: number,
  ): MaybePromise<Reading> {
    const floor = this.#floors.get(log) ?? 0;
    const frames = this.frames.filter((frame) =>
      frame.log === log && frame.seq > after && frame.seq > floor
    ).slice(0, limit);
    return { epoch: this.epoch, frames, next: pageEnd(frames, limit), floor };
  }

  tops(): MaybePromise<Tops> {
    const tops = new Map<string, number>();
    for (const frame of this.frames) tops.set(frame.log, frame.seq);
    return { epoch: this.epoch, tops: [...tops], floor: 0 };
  }

  /** What is asked is looked up now or when it is answered, in turn. */
  #ask<T>(look: () => MaybePromise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const early = this.questions.length % 2 === 0 ? look() : undefined;
    this.questions.push({
      answer: () => resolve(early ?? look()),
      fail: () => reject(simulated()),
    });
    return promise;
  }

  /** Answers the oldest question, or fails it. */
  answer(fail = false): void {
    const question = this.questions.shift();
    if (question && fail) this.failures++;
    if (fail) question?.fail();
    else question?.answer();
  }

  /** Whether engine `node` has been brought everything. */
  delivered(node: number): boolean {
    const feed = this.#feeds.get(node);
    return !feed ||
      (feed.epoch === this.epoch && feed.seq === this.frames.length);
  }

  /** Brings engine `node` its next message, or tells it of another order. */
  deliver(node: number): void {
    const feed = this.#feeds.get(node);
    if (!feed || this.delivered(node)) return;
    if (feed.epoch !== this.epoch) {
      feed.epoch = this.epoch;
      // A node that starts late begins at the present, one that lives on at 0.
      feed.seq = this.feedFloor;
      feed.listener.epoch({ epoch: this.epoch, seq: feed.seq });
    } else if (feed.seq < this.feedFloor) {
      this.losses++;
      feed.seq = this.feedFloor;
      feed.listener.lost(feed.seq);
    } else feed.listener.frame(this.frames[feed.seq++]!);
  }

  /** Engine `node`'s feed is given the message after the next: it has to ask again. */
  overtake(node: number): void {
    const feed = this.#feeds.get(node);
    if (!feed || feed.epoch !== this.epoch || feed.seq < this.feedFloor) return;
    const after = this.frames[feed.seq + 1];
    if (after) feed.listener.frame(after);
  }

  /** Gives engine `node` once more what it has had. */
  repeat(node: number): void {
    const feed = this.#feeds.get(node);
    const former = feed?.epoch === this.epoch && this.frames[feed.seq - 1];
    if (feed && former) feed.listener.frame(former);
  }

  /** Forgets what a log holds up to the present. */
  trim(log: string): void {
    this.#floors.set(log, this.frames.length);
  }

  /** Forgets what the feed holds up to the present. */
  trimFeed(): void {
    this.feedFloor = this.frames.length;
  }

  /** Loses its order: another epoch begins. */
  renew(
    epoch = `e${Number(this.epoch.slice(1)) + 1}`,
  ): MaybePromise<void> {
    this.epoch = epoch;
    this.frames = [];
    this.feedFloor = 0;
    this.#floors.clear();
    this.#keys.clear();
  }

  /** Nothing comes after this. */
  end(): MaybePromise<void> {}
}
