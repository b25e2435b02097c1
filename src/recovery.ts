/**
 * Reads from the backplane what a node's own log does not hold (O5): the one
 * place where a read and the feed meet.
 * @module
 */
import type { Backplane, Reading } from "./backplane.ts";
import type { Connection } from "./connection.ts";
import type { Frame } from "./frame.ts";
import type { Bounds, Log } from "./log.ts";
import type { Logs } from "./logs.ts";
import { isPattern, matches } from "./name.ts";

/** How many frames one read asks for. */
const PAGE = 1_024;
/** How many channels of a pattern are read at once. */
const READS = 16;

/** What was read, all pages together. */
type Held = Omit<Reading, "next">;

/** What recovery needs to know of its engine. */
export interface RecoveryHost {
  readonly epoch: string;
  readonly now: number;
  readonly logs: Logs;
  /** Whether all is over. */
  readonly closed: boolean;
  /** Tells the operator; whoever waited tries again at the next sweep. */
  fail(error: unknown): void;
}

/** Reads under way, one per log, and who waits for them. */
export class Recovery {
  readonly #host: RecoveryHost;
  readonly #backplane: Backplane;
  readonly #reads = new Map<Log, Promise<boolean>>();

  constructor(host: RecoveryHost, backplane: Backplane) {
    this.#host = host;
    this.#backplane = backplane;
  }

  /**
   * Makes `log` hold what lies above `after`, as far as the backplane does. If
   * that takes time the answer is false: the connection gets nothing from any log
   * meanwhile, nothing is trimmed away from under it, and it is flushed after.
   */
  recover(connection: Connection, log: Log, after: number): boolean {
    const read = this.fill(log, after);
    if (!read) return true;
    const pinned = [...connection.logs];
    for (const each of pinned) each.pins++;
    connection.reading++;
    read.then((useful) => {
      connection.reading--;
      if (useful) connection.flush();
      for (const each of pinned) {
        if (--each.pins === 0) this.#host.logs.trim(each, this.#host.now);
      }
    });
    return false;
  }

  /** The same for whoever reads the log itself; nothing if there is no need. */
  fill(log: Log, after: number): Promise<boolean> | undefined {
    if (!this.#backplane.read || log.floor <= Math.max(log.lost, after)) return;
    const running = this.#reads.get(log);
    if (running) {
      // It may have asked for less.
      return running.then((useful) =>
        useful && (this.fill(log, after) ?? true)
      );
    }
    log.pins++;
    const read = this.#fill(log, after).catch((error) => {
      // What it was read for is gone, and so is the backplane.
      if (!this.#host.closed) this.#host.fail(error);
      return false;
    }).finally(() => {
      log.pins--;
      this.#reads.delete(log);
    });
    this.#reads.set(log, read);
    return read;
  }

  async #fill(log: Log, after: number): Promise<boolean> {
    const { epoch, logs } = this.#host;
    const upTo = log.floor;
    const reading = isPattern(log.name)
      ? await this.#readPattern(log, after)
      : await this.#readLog(log.name, after, log);
    // Another order here, or part of the feed was lost: this is void, and whoever
    // waits for it looks again (some have joined who are of the new order).
    if (this.#host.epoch !== epoch || log.floor !== upTo) return true;
    // Another order there: the feed will tell of it.
    if (reading.epoch !== epoch) return false;
    const { frames, floor: lost } = newest(reading, log.bounds);
    log.lost = Math.max(log.lost, lost);
    const floor = Math.max(lost, after);
    if (floor >= upTo) return true;
    const older = frames.filter(({ seq }) => seq > floor && seq <= upTo);
    const [next] = log.after(log.floor);
    logs.prepend(log, rising(older, next?.time), floor);
    return true;
  }

  /** Page by page, up to where the log itself begins. */
  async #readLog(name: string, after: number, log: Log): Promise<Held> {
    let frames: Frame[] = [];
    let floor = 0;
    for (let at = after;;) {
      const page = await this.#backplane.read!(name, at, PAGE);
      // A read may be ahead of the feed (O2): the log has the rest, or will.
      frames.push(...page.frames.filter(({ seq }) => seq <= log.floor));
      const whole = newest({ ...page, frames }, log.bounds);
      frames = whole.frames;
      floor = Math.max(floor, whole.floor);
      const { epoch, next } = page;
      if (next === undefined || next >= log.floor) {
        return { epoch, frames, floor };
      }
      at = next;
    }
  }

  async #readPattern(log: Log, after: number): Promise<Held> {
    const { epoch, tops, floor } = await this.#backplane.tops!();
    let whole: Held = { epoch, frames: [], floor };
    // By their newest messages: those that are to be kept are found first.
    const names = [...tops]
      .filter(([name, top]) => top > after && matches(log.name, name))
      .sort(([, one], [, other]) => one - other);
    const next = async () => {
      for (let each = names.pop(); each; each = names.pop()) {
        const [name, top] = each;
        // What lies below is more than the log may hold.
        if (top <= whole.floor) return;
        const from = Math.max(after, whole.floor);
        const reading = await this.#readLog(name, from, log);
        const frames = [...whole.frames, ...reading.frames];
        frames.sort((one, other) => one.seq - other.seq);
        whole = newest({
          epoch: reading.epoch === epoch ? whole.epoch : reading.epoch,
          frames,
          floor: Math.max(whole.floor, reading.floor),
        }, log.bounds);
      }
    };
    await Promise.all(Array.from({ length: READS }, next));
    return whole;
  }
}

/**
 * Messages whose times rise strictly, up to below `next`: of those that nodes have
 * published at once, each by its own clock, the former are taken to be older.
 */
function rising(frames: readonly Frame[], next = Infinity): Frame[] {
  return frames.toReversed().map((frame) => {
    const last = (Math.round(next * 1_000) - 1) / 1_000;
    if (frame.time >= next) frame = frame.at(last);
    next = frame.time;
    return frame;
  }).reverse();
}

/** Of more than a log may hold, the newest; what is left out is lost. */
function newest(reading: Held, bounds: Bounds): Held & { frames: Frame[] } {
  const { epoch, frames } = reading;
  let first = frames.length;
  for (let bytes = 0; first > 0 && frames.length - first < bounds.frames;) {
    bytes += frames[first - 1]!.size;
    if (bytes > bounds.bytes) break;
    first--;
  }
  const floor = Math.max(reading.floor, frames[first - 1]?.seq ?? 0);
  return { epoch, frames: frames.slice(first), floor };
}
