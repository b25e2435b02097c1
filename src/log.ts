/**
 * The bounded, ordered memory of a channel: the only queue there is. What a
 * slow, polling or returning client has not seen *is* the logs above its cursor.
 * @module
 */
import { Chunk, type Frame } from "./frame.ts";

/** How much a log holds; whichever is reached first drops its oldest frames. */
export interface Bounds {
  /** Number of messages (default 1,024). */
  readonly frames: number;
  /** Bytes of their JSON text, and about 64 for each (default 1 MiB). */
  readonly bytes: number;
  /** Age in ms (default 300,000). */
  readonly age: number;
}

/** Whoever wants to be woken when a log has something new. */
export interface Follower {
  /** Writes what is new, as far as there is room. */
  flush(): void;
}

/** What one write takes at most, in bytes, unless a single message is larger. */
export const CHUNK_BYTES = 65_536;

const MAX_CHUNKS = 8;

/** What the objects of one frame cost, in bytes (measured: 1.0 to 1.4 kB on V8). */
const FRAME_COST = 1_000;

/** A ring of frames in `seq` order. */
export class Log {
  /** The `seq` of the newest frame it has dropped; below it, nothing is sure. */
  floor: number;
  /** Up to here the backplane has nothing either: reading it is of no use. */
  lost = 0;
  /** The `seq` of its newest frame; its floor, if it holds none. */
  top: number;
  /** What lies in it, in bytes. */
  bytes = 0;
  /** Connections for which older frames are being read: nothing is trimmed. */
  pins = 0;
  /** Whether a pass over its followers is due. */
  dirty = false;
  /** Where its last complete pass over all followers began. */
  passed: number;
  readonly followers: Set<Follower> = new Set();
  #frames: Frame[] = [];
  #head = 0;
  #chunks: Chunk[] = [];

  constructor(readonly name: string, public bounds: Bounds, floor: number) {
    this.floor = this.top = this.passed = floor;
  }

  /** The number of frames held. */
  get length(): number {
    return this.#frames.length - this.#head;
  }

  /** About what it takes of the memory, in bytes: each text is there twice. */
  get memory(): number {
    return 2 * this.bytes + FRAME_COST * this.length;
  }

  /** Takes the next frame. It may exceed the bounds until `trim`. */
  append(frame: Frame): void {
    this.#frames.push(frame);
    this.top = frame.seq;
    this.bytes += frame.size;
    this.#chunks = [];
  }

  /** Takes older frames; from now on it holds everything above `floor`. */
  prepend(frames: readonly Frame[], floor: number): void {
    this.#frames = [...frames, ...this.#frames.slice(this.#head)];
    this.#head = 0;
    for (const frame of frames) this.bytes += frame.size;
    this.floor = floor;
    this.top = this.#frames.at(-1)?.seq ?? floor;
    this.#chunks = [];
  }

  /** Forgets everything: its order is gone, and another begins at `floor`. */
  clear(floor: number): void {
    this.#frames = [];
    this.#head = this.bytes = this.lost = 0;
    this.floor = this.top = this.passed = floor;
    this.#chunks = [];
  }

  /** Whether it holds more than its bounds allow. */
  get overflows(): boolean {
    return this.length > this.bounds.frames || this.bytes > this.bounds.bytes;
  }

  /**
   * Drops what exceeds the bounds or is older than its age at `now`, but nothing
   * above `passed`: a reader with room has always had it, however small the log.
   */
  trim(now: number): void {
    const oldest = now - this.bounds.age;
    while (this.length > 0) {
      if (!this.overflows && this.#frames[this.#head]!.time >= oldest) return;
      if (!this.shift()) return;
    }
  }

  /** Drops the oldest frame, if that is allowed. */
  shift(): boolean {
    const frame = this.#frames[this.#head];
    if (!frame || this.pins > 0) return false;
    if (this.followers.size > 0 && frame.seq > this.passed) return false;
    this.floor = frame.seq;
    this.bytes -= frame.size;
    this.#frames[this.#head++] = undefined!;
    this.#chunks = [];
    if (this.#head > 64 && this.#head * 2 > this.#frames.length) {
      this.#frames = this.#frames.slice(this.#head);
      this.#head = 0;
    }
    return true;
  }

  /** The frames above `seq`, oldest first. */
  *after(seq: number): Generator<Frame, void> {
    for (let i = this.#indexAfter(seq); i < this.#frames.length; i++) {
      yield this.#frames[i]!;
    }
  }

  /** The next frames above `seq` as one piece, shared by all who need the same. */
  chunk(seq: number): Chunk {
    let end = this.#indexAfter(seq);
    const first = this.#frames[end];
    for (const chunk of this.#chunks) {
      if (chunk.frames[0] === first) return chunk;
    }
    const start = end;
    let bytes = 0;
    do bytes += this.#frames[end++]!.size; while (
      end < this.#frames.length &&
      bytes + this.#frames[end]!.size <= CHUNK_BYTES
    );
    const chunk = new Chunk(this.#frames.slice(start, end));
    if (this.#chunks.length === MAX_CHUNKS) this.#chunks.shift();
    this.#chunks.push(chunk);
    return chunk;
  }

  #indexAfter(seq: number): number {
    let low = this.#head;
    let high = this.#frames.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#frames[middle]!.seq > seq) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** A place in a log: what lies above it has not been sent. */
export interface Reading {
  readonly log: Log;
  readonly after: number;
}

/** The same for all who merge the same frames, as long as `memo` lasts. */
export function mergedOnce(
  readings: readonly Reading[],
  memo: Map<string, Chunk>,
): Chunk {
  const key = readings.map(({ log, after }) =>
    `${log.name}\n${log.after(after).next().value?.seq}`
  ).join("\n");
  let chunk = memo.get(key);
  if (!chunk) memo.set(key, chunk = mergeLogs(readings));
  return chunk;
}

/** Several logs as one piece, in `seq` order; a frame in two of them once. */
export function mergeLogs(readings: readonly Reading[]): Chunk {
  const sources = readings.map(({ log, after }) => log.after(after));
  const heads = sources.map((source) => source.next().value);
  const frames: Frame[] = [];
  for (let bytes = 0;;) {
    let next: Frame | undefined;
    for (const head of heads) {
      if (head && (!next || head.seq < next.seq)) next = head;
    }
    if (!next) break;
    bytes += next.size;
    if (bytes > CHUNK_BYTES && frames.length > 0) break;
    frames.push(next);
    for (let i = 0; i < heads.length; i++) {
      if (heads[i]?.seq === next.seq) heads[i] = sources[i]!.next().value;
    }
  }
  return new Chunk(frames);
}

/** Places in logs, as long as one of them lies above `seq`. */
export function stillAbove(
  places: Map<Log, number> | undefined,
  seq: number,
): Map<Log, number> | undefined {
  if (!places) return undefined;
  for (const place of places.values()) if (place > seq) return places;
  return undefined;
}
