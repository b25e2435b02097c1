/**
 * Notices that a protocol's sessions, which live on one node, are asked for elsewhere.
 * @module
 */

/** So many lost sessions are nothing special … */
const FEW = 3;
/** … within this time, in ms. */
const PERIOD = 10_000;

/** How many sessions that ended here are remembered: they were not lost on the way. */
const ENDED = 1_000;

/** Counts sessions that clients ask for and this node has never known. */
export class Affinity {
  readonly #fail: (error: Error) => void;
  readonly #lost = new Set<string>();
  readonly #ended = new Set<string>();
  #since = -Infinity;

  /** `fail` is told, once per period, if there are too many. */
  constructor(fail: (error: Error) => void) {
    this.#fail = fail;
  }

  /** A session has ended at this node. */
  ended(session: string): void {
    this.#ended.add(session);
    if (this.#ended.size <= ENDED) return;
    for (const oldest of this.#ended) {
      this.#ended.delete(oldest);
      return;
    }
  }

  /** A client has come with `session`, at `now` in ms since 1970. */
  lost(session: string, now: number): void {
    if (this.#ended.has(session)) return;
    if (now - this.#since >= PERIOD) {
      this.#since = now;
      this.#lost.clear();
    }
    if (this.#lost.size > FEW || this.#lost.has(session)) return;
    this.#lost.add(session);
    if (this.#lost.size <= FEW) return;
    this.#fail(
      new Error(
        `More than ${FEW} clients came with lost sessions within ${
          PERIOD / 1_000
        } s: no session affinity. Whatever stands before several nodes must ` +
          "bring a session back to its own (right after a restart, this is all).",
      ),
    );
  }
}
