/**
 * Finds the oldest entry of a map again and again.
 * @module
 */

/**
 * The entries of a map or set in their turn, oldest first, round and round. A new
 * iterator each time would walk past all that was deleted since the map was last
 * rearranged: with 20,000 entries that made a publish cost 140 µs instead of 3.
 */
export class Round<T> {
  readonly #entries: Iterable<T>;
  #iterator: Iterator<T, unknown>;

  /** Begins with the oldest of `entries`. */
  constructor(entries: Iterable<T>) {
    this.#entries = entries;
    this.#iterator = entries[Symbol.iterator]();
  }

  /** The next one; `undefined` at the end, after which it begins anew. */
  next(): T | undefined {
    const { value, done } = this.#iterator.next();
    if (!done) return value;
    this.#iterator = this.#entries[Symbol.iterator]();
    return undefined;
  }

  /** The same, of the next round if this one is at its end. */
  oldest(): T | undefined {
    return this.next() ?? this.next();
  }
}
