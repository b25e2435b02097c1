/**
 * All that the backplane holds of some channels, read for `since=earliest`.
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
   * Reads until nothing is missing: the order may end, or the feed lose a part of it,
   * while one of them is read. Throws `unavailable` if the backplane does not answer.
   */
  async read(): Promise<void> {
    for (let reads = this.#reads(); reads.length > 0; reads = this.#reads()) {
      for (const useful of await Promise.all(reads)) {
        if (!useful) throw new PushError("unavailable");
      }
    }
  }

  /** Whether something is missing (again). */
  get missing(): boolean {
    return this.#reads().length > 0;
  }

  /** It need not stay any longer; the next sweep trims it. */
  release(): void {
    for (const log of this.#pinned) log.pins--;
    this.#pinned.clear();
  }

  /** Reads that are under way, or begin. */
  #reads(): Promise<boolean>[] {
    const { logs, recovery } = this.#node;
    return this.#names.flatMap((name) => {
      const log = logs.open(name);
      if (!this.#pinned.has(log)) log.pins++;
      this.#pinned.add(log);
      return recovery.fill(log, 0) ?? [];
    });
  }
}
