/**
 * Faye repeats what it saw no answer to: the same client, id, channel and data
 * within 30 s are one message.
 * @module
 */
import { createHash } from "../../deps.ts";

/** How long a message is remembered, in ms. */
const AGE = 30_000;
/** How many are remembered per session. */
const MOST = 512;

interface Remembered {
  readonly time: number;
  readonly digest: string;
  /** How it goes, as long as that is not known. */
  outcome: Promise<unknown> | undefined;
}

/** What one client published lately, by the id of the message. */
export class Repeats {
  #remembered: Map<unknown, Remembered> | undefined;

  /**
   * Does `publish`, unless it was done for the same message; `again` is told
   * before a repeat. A failure is forgotten, so a repeat may do better.
   */
  async once(
    { id, channel, data, now }: {
      id: unknown;
      channel: string;
      /** As JSON text. */
      data: string;
      now: number;
    },
    publish: () => Promise<unknown>,
    again: () => void,
  ): Promise<void> {
    const digest = createHash("sha256").update(channel).update("\n")
      .update(data).digest("base64");
    this.forget(now);
    const remembered = this.#remembered ??= new Map();
    const known = remembered.get(id);
    if (known?.digest === digest) {
      again();
      await known.outcome;
      return;
    }
    // The newest is last.
    remembered.delete(id);
    if (remembered.size === MOST) {
      remembered.delete(remembered.keys().next().value);
    }
    const entry: Remembered = { time: now, digest, outcome: publish() };
    remembered.set(id, entry);
    try {
      await entry.outcome;
      entry.outcome = undefined;
    } catch (error) {
      if (remembered.get(id) === entry) remembered.delete(id);
      throw error;
    }
  }

  /** Forgets what is too old at `now`, in ms since 1970. */
  forget(now: number): void {
    if (!this.#remembered) return;
    for (const [id, { time }] of this.#remembered) {
      if (time > now - AGE) return;
      this.#remembered.delete(id);
    }
    this.#remembered = undefined;
  }
}
