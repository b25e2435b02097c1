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

/** What became of the first of some drafts, each at its index. */
export interface Appended {
  /** The new messages, in order. */
  readonly frames: readonly Frame[];
  /** The place of each draft, or why it is refused. */
  readonly answers: readonly (Position | PushError)[];
}

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
  readonly #append: (drafts: readonly Draft[]) => MaybePromise<Appended>;
  readonly #committed: (frames: readonly Frame[]) => void;
  #waiting: Waiting[] = [];
  #running: Promise<void> | undefined;
  #closed = false;

  /** `committed` gets what is new as soon as it is certain. */
  constructor(
    append: (drafts: readonly Draft[]) => MaybePromise<Appended>,
    committed: (frames: readonly Frame[]) => void,
  ) {
    this.#append = append;
    this.#committed = committed;
  }

  /** Puts a message into the order with the next commit. */
  publish(draft: Draft): Promise<Position> {
    if (this.#closed) {
      throw new PushError("unavailable", "The backplane is closed.");
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
    const batch = this.#waiting;
    this.#waiting = [];
    let appended: Appended;
    try {
      appended = await this.#append(batch.map(({ draft }) => draft));
    } catch (cause) {
      const detail = "The message could not be stored; it may be repeated.";
      const error = new PushError("unavailable", detail);
      error.cause = cause;
      for (const { reject } of batch) reject(error);
      return;
    }
    const { frames, answers } = appended;
    for (const [i, answer] of answers.entries()) {
      if (answer instanceof PushError) batch[i]!.reject(answer);
      else batch[i]!.resolve(answer);
    }
    this.#waiting.unshift(...batch.slice(answers.length));
    this.#committed(frames);
  }
}
