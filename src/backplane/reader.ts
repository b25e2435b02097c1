/**
 * A feed of a backplane that keeps messages: how far it has been brought, and what
 * its listener is told about the holes that trimming leaves.
 * @module
 */
import type { FeedListener } from "../backplane.ts";
import { setImmediate } from "../deps.ts";
import type { Frame } from "../frame.ts";
import type { Position } from "../position.ts";

/** One listener at its place in the order. */
export class Reader {
  /** False once it has been stopped: it hears nothing more. */
  open = true;
  readonly #listener: FeedListener;

  /** Begins above `seq` of `epoch`; an empty epoch is none. */
  constructor(listener: FeedListener, public epoch = "", public seq = 0) {
    this.#listener = listener;
  }

  /** Another order, or the first. */
  begin({ epoch, seq }: Position): void {
    this.epoch = epoch;
    this.seq = seq;
    this.#tell(() => this.#listener.epoch({ epoch, seq }));
  }

  /** Messages in order, perhaps with holes: what is missing there is gone. */
  take(frames: readonly Frame[]): void {
    for (const frame of frames) {
      if (frame.seq <= this.seq) continue;
      this.lose(frame.seq - 1);
      this.seq = frame.seq;
      this.#tell(() => this.#listener.frame(frame));
    }
  }

  /** What lies up to `seq` and was not brought is gone. */
  lose(seq: number): void {
    if (seq <= this.seq) return;
    this.seq = seq;
    this.#tell(() => this.#listener.lost(seq));
  }

  /** What a listener throws is its own: others are told all the same. */
  #tell(what: () => void): void {
    if (!this.open) return;
    try {
      what();
    } catch (error) {
      setImmediate(() => {
        throw error;
      });
    }
  }
}
