/**
 * Group commit: what is published in a turn of the event loop, or while a commit
 * is under way, is written together, and answered when that is certain.
 * @module
 */
import type { Draft, MaybePromise } from "../backplane.ts";
import { setImmediate } from "../deps.ts";
import { PushError } from "../errors.ts";
import type { Frame } from "../frame.ts";
import type { Position } from "../position.ts";

/** The place of each of the first of some drafts, or why it is refused. */
export type Answers = readonly (Position | PushError)[];

/** What became of them. */
export interface Appended {
  /** The new messages, in order. */
  readonly frames: readonly Frame[];
  readonly answers: Answers;
}

/** How many messages may wait, those that are being written included. */
const WAITING = 10_000;

interface Waiting {
  readonly draft: Draft;
  resolve(position: Position): void;
  reject(error: unknown): void;
}

/** Publishes in batches, one after the other. */
export class Commits {
  /**
   * Writes the first of these drafts, at least one: all of those or, if it throws,
   * none that is known of.
   */
  readonly #append: (drafts: readonly Draft[]) => MaybePromise<Answers>;
  /** What has no answer yet, oldest first. */
  readonly #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #closed = false;

  /** `append` writes, and brings the feeds what is new. */
  constructor(append: (drafts: readonly Draft[]) => MaybePromise<Answers>) {
    this.#append = append;
  }

  /** Puts a message into the order with the next commit. */
  publish(draft: Draft): Promise<Position> {
    if (this.#closed) {
      throw new PushError("unavailable", "The backplane is closed.");
    }
    if (this.#waiting.length >= WAITING) {
      throw new PushError("unavailable", "Too many messages wait.");
    }
    const answer = new Promise<Position>((resolve, reject) => {
      this.#waiting.push({ draft, resolve, reject });
    });
    this.#running ??= this.#run();
    return answer;
  }

  /** Writes what has been published, and takes no more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  /** Each batch in a turn of its own: others have theirs in between. */
  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      await new Promise((resolve) => void setImmediate(resolve));
      await this.#commit();
    }
    this.#running = undefined;
  }

  async #commit(): Promise<void> {
    const batch = [...this.#waiting];
    let answers: Answers;
    try {
      answers = await this.#append(batch.map(({ draft }) => draft));
    } catch (cause) {
      const detail = "The message could not be stored; it may be repeated.";
      const error = new PushError("unavailable", detail);
      error.cause = cause;
      this.#waiting.splice(0, batch.length);
      for (const { reject } of batch) reject(error);
      return;
    }
    this.#waiting.splice(0, answers.length);
    for (const [i, answer] of answers.entries()) {
      if (answer instanceof PushError) batch[i]!.reject(answer);
      else batch[i]!.resolve(answer);
    }
  }
}
