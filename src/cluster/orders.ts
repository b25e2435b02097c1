/**
 * Orders of one node to end connections wherever else they are: each is told until
 * all nodes have heard it.
 * @module
 */
import type { Report } from "./report.ts";
import type { DropOrder } from "./said.ts";

/** How many are remembered while the backplane is away; the oldest go first. */
const MOST = 10_000;

/** What a node has ordered, and not all others are known to have heard. */
export class Orders {
  /** Those to be told next, by what they end; oldest first. */
  readonly #due = new Map<string, DropOrder>();
  /** Those that some node may not have heard: they are repeated until all have. */
  readonly #given = new Map<string, DropOrder>();
  readonly #ask: () => Promise<unknown>;
  #asking = false;

  /** `ask` resolves when all nodes have answered a question that is told now. */
  constructor(ask: () => Promise<unknown>) {
    this.#ask = ask;
  }

  /** How many have to be told, or may have to be told again. */
  get size(): number {
    return this.#due.size + this.#given.size;
  }

  /** Whether some have to be told. */
  get due(): boolean {
    return this.#due.size > 0;
  }

  /** Has connections ended at other nodes. */
  give(order: DropOrder, now: number): void {
    const { id, subject, reason } = order;
    const about = JSON.stringify([id, subject, reason]);
    // What is ordered again is the newest.
    this.#due.delete(about);
    this.#due.set(about, order);
    this.#given.delete(about);
    this.#given.set(about, { ...order, given: now });
    if (!this.#asking) void this.#confirm();
  }

  /** The backplane is away: all cannot be remembered. */
  trim(): void {
    for (const orders of [this.#due, this.#given]) {
      for (const oldest of orders.keys()) {
        if (orders.size <= MOST) break;
        orders.delete(oldest);
      }
    }
  }

  /** Some node may have missed them. */
  again(): void {
    for (const [about, order] of this.#given) {
      if (!this.#due.has(about)) this.#due.set(about, order);
    }
  }

  /** Tells those that fit. */
  tell(report: Report): void {
    for (const [about, order] of this.#due) {
      if (report.full) return;
      this.#due.delete(about);
      report.add("drop", order);
    }
  }

  /** Who has answered a question that came after an order has heard that order. */
  async #confirm(): Promise<void> {
    this.#asking = true;
    while (this.#given.size > 0) {
      const told = [...this.#given];
      try {
        await this.#ask();
      } catch {
        // Some node does not answer yet.
        continue;
      }
      for (const [about, order] of told) {
        if (this.#given.get(about) === order) this.#given.delete(about);
      }
    }
    this.#asking = false;
  }
}
