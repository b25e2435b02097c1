/**
 * What the backplane holds of some channels: for `since=earliest`, and for `history()`.
 * @module
 */
import { PushError } from "./errors.ts";
import type { Log } from "./log.ts";
import type { Node } from "./node.ts";

/** What was read stays in the logs until it is released. */
export class Past {
  readonly #node: Node;
  readonly #names: readonly string[];
  readonly #pinned: Set<Log> = new Set();

  constructor(node: Node, names: readonly string[]) {
    this.#node = node;
    this.#names = names;
  }

  /**
   * Reads until nothing above `after` is missing: the order may end, or the feed lose
   * a part of it, while one of them is read. Throws `unavailable` if the backplane does
   * not answer.
   */
  async read(after = 0): Promise<void> {
    for (
      let reads = this.#reads(after);
      reads.length > 0;
      reads = this.#reads(after)
    ) {
      for (const useful of await Promise.all(reads)) {
        if (!useful) throw new PushError("unavailable");
      }
    }
  }

  /** Whether any of it is missing (again). */
  get missing(): boolean {
    return this.#reads(0).length > 0;
  }

  /** It need not stay any longer; the next sweep trims it. */
  release(): void {
    for (const log of this.#pinned) log.pins--;
    this.#pinned.clear();
  }

  /** The same, where nobody follows it who has not had it: it is trimmed at once. */
  trim(): void {
    const logs = [...this.#pinned];
    this.release();
    for (const log of logs) {
      if (log.pins === 0) this.#node.logs.trim(log, this.#node.now);
    }
  }

  /** Reads that are under way, or begin. */
  #reads(after: number): Promise<boolean>[] {
    const { logs, recovery } = this.#node;
    return this.#names.flatMap((name) => {
      const log = logs.open(name);
      if (!this.#pinned.has(log)) log.pins++;
      this.#pinned.add(log);
      return recovery.fill(log, after) ?? [];
    });
  }
}
