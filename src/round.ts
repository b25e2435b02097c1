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
  #iterator: Iterator<T, unknown> | undefined;

  /** Begins with the oldest of `entries`. */
  constructor(entries: Iterable<T>) {
    this.#entries = entries;
  }

  /** The next one; `undefined` at the end, after which it begins anew. */
  next(): T | undefined {
    this.#iterator ??= this.#entries[Symbol.iterator]();
    const { value, done } = this.#iterator.next();
    if (!done) return value;
    this.#iterator = undefined;
    return undefined;
  }

  /**
   * Begins anew. To be called now and then where entries come and go without anyone
   * asking for the next: V8 keeps every table that a map has had since its iterator
   * was last moved, which was 240 bytes an entry, for ever.
   */
  restart(): void {
    this.#iterator = undefined;
  }

  /** The same, of the next round if this one is at its end. */
  oldest(): T | undefined {
    return this.next() ?? this.next();
  }
}
