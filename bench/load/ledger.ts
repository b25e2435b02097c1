/**
 * The books: every delivery to every client, when it came, and whether it was the
 * only one and in its place. Costs a few dozen ns a delivery.
 * @module
 */
import { Times } from "../histogram.ts";
import {
  channelOf,
  DIGITS,
  due,
  expects,
  followedBy,
  MARK,
  messages,
  type Plan,
  unmeasured,
} from "../plan.ts";

const MARK_BYTE = MARK.charCodeAt(0);
const ZERO = "0".charCodeAt(0);

/** The most bytes of a message's number with a chunk's boundary in it. */
const DIVIDED = 40;
/** A number that a boundary of chunks divides (RFC 9112, 7.1). */
const BOUNDARY = /^(\d*)\r\n[0-9A-Fa-f]+[^\r\n]*\r\n(\d+)/;

/** How many faults are named one by one. */
const EXAMPLES = 10;

/** What a ledger says at the end; those of several processes can be added up. */
export interface Books {
  readonly expected: number;
  readonly received: number;
  readonly lost: number;
  /** What has not come to those who read slowly, by the end. */
  readonly unread: number;
  readonly doubled: number;
  /** Messages for somebody else, and numbers that were never sent. */
  readonly foreign: number;
  /** A message that came after a later one, how often: `[later, it, times]`. */
  readonly overtaken: [number, number, number][];
  /** How many clients saw which order, of those who had everything. */
  readonly orders: [number, number][];
  readonly examples: string[];
  /** Latencies of the measured deliveries, in µs (an encoded histogram). */
  readonly latencies: string;
  /** Per message: when its last delivery came, the sum and the number of all. */
  readonly last: number[];
  readonly sums: number[];
  readonly counts: number[];
}

/** Keeps the books of one process. */
export class Ledger {
  received = 0;
  /** When the messages began to be due, in this process's time. */
  startedAt = Infinity;
  readonly #plan: Plan;
  readonly #first: number;
  readonly #total: number;
  readonly #measuredFrom: number;
  readonly #bytesEach: number;
  readonly #seen: Uint8Array;
  readonly #newest: Int32Array;
  readonly #orders: Int32Array;
  readonly #from: Int32Array;
  readonly #excluded: Uint8Array;
  readonly #latencies = new Times();
  readonly #last: Float64Array;
  readonly #sums: Float64Array;
  readonly #counts: Int32Array;
  readonly #overtaken: Map<number, number> = new Map();
  readonly #examples: string[] = [];
  #expected = 0;
  #lost = 0;
  #unread = 0;
  #doubled = 0;
  #foreign = 0;

  /** For `number` clients, of whom the first is the run's client `first`. */
  constructor(plan: Plan, first: number, number: number) {
    this.#plan = plan;
    this.#first = first;
    this.#total = messages(plan);
    this.#measuredFrom = unmeasured(plan);
    this.#bytesEach = Math.ceil(this.#total / 8);
    this.#seen = new Uint8Array(number * this.#bytesEach);
    this.#newest = new Int32Array(number * plan.channels).fill(-1);
    this.#orders = new Int32Array(number);
    this.#from = new Int32Array(number);
    this.#excluded = new Uint8Array(number);
    this.#last = new Float64Array(this.#total);
    this.#sums = new Float64Array(this.#total);
    this.#counts = new Int32Array(this.#total);
  }

  /** Books the messages in these bytes; returns a last one that is cut short. */
  scan(client: number, bytes: Uint8Array, at: number): Uint8Array | undefined {
    let place = bytes.indexOf(MARK_BYTE);
    while (place >= 0) {
      const end = place + 1 + DIGITS;
      if (end > bytes.length) return bytes.slice(place);
      let n = 0;
      for (let i = place + 1; i < end; i++) {
        const digit = bytes[i]! - ZERO;
        n = digit >= 0 && digit < 10 ? n * 10 + digit : NaN;
      }
      if (Number.isNaN(n)) {
        const whole = dividedNumber(bytes, place + 1);
        if (whole === undefined && place + DIVIDED > bytes.length) {
          return bytes.slice(place);
        }
        n = whole ?? NaN;
      }
      this.take(client, n, at);
      place = bytes.indexOf(MARK_BYTE, end);
    }
    return undefined;
  }

  /** Books message `n`. */
  take(client: number, n: number, at: number): void {
    if (!(n >= 0 && n < this.#total)) {
      this.#fault(client, `got ${n}, which was never sent`);
      this.#foreign++;
      return;
    }
    this.received++;
    const cell = client * this.#bytesEach + (n >> 3);
    const bit = 1 << (n & 7);
    if (this.#seen[cell]! & bit) {
      this.#doubled++;
      this.#fault(client, `got message ${n} twice`);
      return;
    }
    this.#seen[cell]! |= bit;
    this.#orders[client] = Math.imul(this.#orders[client]!, 31) + n | 0;
    const { channels } = this.#plan;
    const place = client * channels + channelOf(this.#plan, n);
    const newest = this.#newest[place]!;
    if (n > newest) this.#newest[place] = n;
    else {
      const key = newest * this.#total + n;
      this.#overtaken.set(key, (this.#overtaken.get(key) ?? 0) + 1);
    }
    if (n < this.#measuredFrom || this.#excluded[client]) return;
    const latency = at - this.startedAt - due(this.#plan, n);
    this.#latencies.add(latency);
    this.#sums[n]! += latency;
    this.#counts[n]!++;
    if (latency > this.#last[n]!) this.#last[n] = latency;
  }

  /** A client that reads slowly: it is owed everything in turn, but not in time. */
  exclude(client: number, excluded: boolean): void {
    this.#excluded[client] = excluded ? 1 : 0;
  }

  /** The client begins anew with what is due from `at` on; the past is settled. */
  begin(client: number, at: number): void {
    const place = client * this.#plan.channels;
    this.#seen.fill(
      0,
      client * this.#bytesEach,
      (client + 1) * this.#bytesEach,
    );
    this.#newest.fill(-1, place, place + this.#plan.channels);
    this.#orders[client] = 0;
    const { rate, burst } = this.#plan;
    const bursts = Math.ceil((at - this.startedAt) * rate / 1_000 / burst);
    this.#from[client] = Math.max(0, Math.min(bursts * burst, this.#total));
  }

  /**
   * The client has left: it was owed what lies before the newest it had; or all, if it
   * is there at the end (`whole`), where one who reads slowly has not read the rest yet.
   */
  settle(client: number, whole = false): void {
    const place = client * this.#plan.channels;
    const own = this.#newest.subarray(place, place + this.#plan.channels);
    const newest = own.reduce((a, b) => Math.max(a, b), -1);
    const until = whole ? this.#total : newest + 1;
    const index = this.#first + client;
    const followed = followedBy(this.#plan, index);
    for (let n = 0; n < this.#total; n++) {
      const seen = this.#seen[client * this.#bytesEach + (n >> 3)]! >>
          (n & 7) & 1;
      if (!expects(this.#plan, index, followed, n)) {
        this.#foreign += seen;
        if (seen) this.#fault(client, `got message ${n}, which is another's`);
        continue;
      }
      if (seen) this.#expected++;
      else if (n >= this.#from[client]! && n < until) {
        this.#expected++;
        if (this.#excluded[client] && n > newest) {
          this.#unread++;
          continue;
        }
        this.#lost++;
        this.#fault(client, `never got message ${n}`);
      }
    }
  }

  /** Settles everybody and says what was found. */
  close(clients: number): Books {
    const orders = new Map<number, number>();
    for (let client = 0; client < clients; client++) {
      this.settle(client, true);
      const order = this.#orders[client]!;
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    const number = this.#total;
    return {
      expected: this.#expected,
      received: this.received,
      lost: this.#lost,
      unread: this.#unread,
      doubled: this.#doubled,
      foreign: this.#foreign,
      overtaken: [...this.#overtaken].slice(0, 20_000).map(
        ([key, times]) => [Math.floor(key / number), key % number, times],
      ),
      orders: [...orders].slice(0, 1_000),
      examples: this.#examples,
      latencies: this.#latencies.encode(),
      last: rounded(this.#last),
      sums: rounded(this.#sums),
      counts: [...this.#counts],
    };
  }

  #fault(client: number, text: string): void {
    if (this.#examples.length >= EXAMPLES) return;
    this.#examples.push(`client ${this.#first + client} ${text}`);
  }
}

/** The number that begins at `place`, if the boundary of two chunks divides it. */
function dividedNumber(bytes: Uint8Array, place: number): number | undefined {
  const near = bytes.subarray(place, place + DIVIDED);
  const found = BOUNDARY.exec(new TextDecoder("latin1").decode(near));
  const [, head = "", tail = ""] = found ?? [];
  const digits = (head + tail).slice(0, DIGITS);
  return digits.length === DIGITS ? Number(digits) : undefined;
}

function rounded(numbers: Float64Array): number[] {
  return [...numbers].map((number) => Math.round(number * 1_000) / 1_000);
}
