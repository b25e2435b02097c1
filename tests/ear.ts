/**
 * A node's end of a backplane: messages to publish, and an ear for the feed.
 * @module
 */
import { assertRejects } from "@std/assert";
import type { Backplane, Draft, FeedListener } from "../src/backplane.ts";
import { PushError } from "../src/errors.ts";
import type { Frame } from "../src/frame.ts";
import type { Position } from "../src/position.ts";

/** A message to log and channel `a`, unless `fields` say otherwise. */
export function draft(fields: Partial<Draft> = {}): Draft {
  return { log: "a", channel: "a", data: "1", time: 1_000_000, ...fields };
}

/** A node's end of a feed: what it was told, and waiting for more. */
export class Ear implements FeedListener {
  readonly frames: Frame[] = [];
  readonly epochs: Position[] = [];
  readonly lostUpTo: number[] = [];
  /** Called with each message, as an engine's listener may publish again. */
  then: (frame: Frame) => void = () => {};
  #wake: () => void = () => {};

  frame(frame: Frame): void {
    this.frames.push(frame);
    this.then(frame);
    this.#wake();
  }

  epoch(position: Position): void {
    this.epochs.push(position);
    this.#wake();
  }

  lost(seq: number): void {
    this.lostUpTo.push(seq);
    this.#wake();
  }

  /** The `seq` of what it has heard, repeats left out. */
  get seqs(): number[] {
    return [...new Set(this.frames.map(({ seq }) => seq))];
  }

  /** Waits until `enough` is true of it. */
  async until(enough: (ear: this) => boolean): Promise<void> {
    while (!enough(this)) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }

  /** Waits until it has heard everything up to `seq`. */
  hears(seq: number): Promise<void> {
    return this.until(({ frames }) =>
      frames.some((frame) => frame.seq === seq)
    );
  }
}

/** A feed's ear, once it has heard which order this is. */
export async function hear(
  backplane: Backplane,
): Promise<{ ear: Ear; stop: () => void }> {
  const ear = new Ear();
  const stop = backplane.feed(undefined, ear);
  await ear.until(({ epochs }) => epochs.length > 0);
  return { ear, stop };
}

/** What `action` is refused with. */
export async function refusal(action: () => unknown): Promise<PushError> {
  return await assertRejects(async () => await action(), PushError);
}
