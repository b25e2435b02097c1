/**
 * What has happened on a node since it began, as plain numbers: a write adds to
 * two or three of them, and whoever reads metrics looks here.
 * @module
 */
import type { Code, DropReason } from "../errors.ts";

/** How often each of a few things has happened. */
export class Tally<K extends string> extends Map<K, number> {
  /** Once more. */
  add(name: K): void {
    this.set(name, (this.get(name) ?? 0) + 1);
  }
}

/** How often a measured value lay in which range. */
export class Histogram {
  /** Upper bounds, inclusive; a last range has none. */
  readonly bounds: readonly number[];
  /** How many values lay in each range. */
  readonly counts: number[];
  /** All values together. */
  sum = 0;
  /** Called with every value too. */
  readonly listeners: Set<(value: number) => void> = new Set();

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Array(bounds.length + 1).fill(0);
  }

  /** Counts one value. */
  observe(value: number): void {
    let range = 0;
    while (value > this.bounds[range]!) range++;
    this.counts[range]!++;
    this.sum += value;
    for (const listener of this.listeners) listener(value);
  }
}

/** Bounds for what takes time, in seconds. */
const SECONDS = [
  ...[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5],
  ...[1, 2.5, 5, 10],
];

/** What has happened on a node. */
export class Counts {
  /** Messages that the order has brought. */
  messages = 0;
  /** Messages handed to clients; one to ten clients counts ten times. */
  deliveries = 0;
  /** Bytes of frames and answers written. */
  bytes = 0;
  /** Gaps that clients were told of. */
  resets = 0;
  /** Responses ended because nobody read them. */
  slow = 0;
  /** How often a sweep has found an open response without room. */
  found = 0;
  /** Open responses that had no room at the last sweep. */
  behind = 0;
  /** Responses that connections were parked on, by transport. */
  readonly opens: Tally<string> = new Tally();
  /** Connections that are gone, by reason. */
  readonly drops: Tally<DropReason> = new Tally();
  /** Requests that were refused, by code. */
  readonly refusals: Tally<Code> = new Tally();
  /** How many messages of the order lay between an id and the present. */
  readonly resumes: Histogram = new Histogram(
    [0, 1, 10, 100, 1_000, 10_000, 100_000],
  );
  /** How much later than asked for the engine's timer rang, in seconds. */
  readonly loopLag: Histogram = new Histogram(SECONDS);
  /** From a publish to the write to the last of its readers, in seconds. */
  readonly latency: Histogram = new Histogram(SECONDS);
}
