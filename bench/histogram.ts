/**
 * Latencies: a histogram of µs up to a quarter of an hour, to three digits.
 * @module
 */
import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from "./deps.ts";

/** The longest that is told from longer ones, in µs. */
const LONGEST = 1e9;

/** How many points a distribution has in a report. */
const PERCENTILES = [
  ...Array.from({ length: 20 }, (_, i) => i * 5),
  ...[96, 97, 98, 99, 99.5, 99.7, 99.9, 99.95, 99.99, 100],
];

/** Times, counted by how long they are. */
export class Times {
  readonly #histogram: Histogram = build({
    bitBucketSize: 32,
    autoResize: false,
    lowestDiscernibleValue: 1,
    highestTrackableValue: LONGEST,
    numberOfSignificantValueDigits: 3,
  });

  /** Adds up what several processes have encoded. */
  static sum(encoded: readonly string[]): Times {
    const times = new Times();
    for (const text of encoded) {
      times.#histogram.add(decodeFromCompressedBase64(text));
    }
    return times;
  }

  /** Counts one, in ms. */
  add(ms: number): void {
    const µs = Math.min(LONGEST, Math.max(0, Math.round(ms * 1_000)));
    this.#histogram.recordValue(µs);
  }

  /** As text for another process. */
  encode(): string {
    return encodeIntoCompressedBase64(this.#histogram);
  }

  /** How many there are. */
  get count(): number {
    return this.#histogram.totalCount;
  }

  /** The time that so many per cent do not exceed, in ms. */
  percentile(percent: number): number {
    if (this.count === 0) return 0;
    return this.#histogram.getValueAtPercentile(percent) / 1_000;
  }

  /** The usual percentiles, in ms, as metrics whose names begin with `name`. */
  summary(name: string): Record<string, number> {
    if (this.count === 0) return {};
    return {
      [`${name}P50`]: this.percentile(50),
      [`${name}P90`]: this.percentile(90),
      [`${name}P99`]: this.percentile(99),
      [`${name}P999`]: this.percentile(99.9),
      [`${name}Max`]: this.percentile(100),
    };
  }

  /** As a line to draw: `[percentile, ms]`. */
  distribution(): [number, number][] {
    if (this.count === 0) return [];
    return PERCENTILES.map((percent) => [percent, this.percentile(percent)]);
  }

  /** How many are longer than `ms`. */
  above(ms: number): number {
    let [low, high] = [0, this.count];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (this.percentile((middle + 1) / this.count * 100) > ms) high = middle;
      else low = middle + 1;
    }
    return this.count - low;
  }
}
