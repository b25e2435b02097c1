/**
 * What connections, subjects and addresses use of their quotas. There is a meter
 * only for those that use something now.
 * @module
 */
import type { Connection } from "../connection.ts";
import { PushError } from "../errors.ts";
import type { Limits, Quota } from "../options.ts";
import { Round } from "../round.ts";

/** How many seconds' worth may be used at once, after a while of quiet. */
const BURST = 5;
/** How many meters there are at most beyond one for each connection. */
const MOST = 100_000;
/** How many are looked at for idle ones, whenever some are asked for. */
const LOOKS = 4;
/** The same each second. */
const SWEEP_LOOKS = 1_000;

/** Whom something is counted for. */
export interface Who {
  readonly connection?: string | undefined;
  readonly subject?: string | undefined;
  readonly address?: string | undefined;
}

type Scope = keyof Who;
const SCOPES: readonly Scope[] = ["address", "subject", "connection"];
/** What is limited per second. */
export type Rate = "opens" | "publishes" | "bytes";

/** What one of them uses: two counts, and three token buckets. */
class Meter {
  connections = 0;
  channels = 0;
  /** When each bucket will be full again, in ms since 1970. */
  opens = 0;
  publishes = 0;
  bytes = 0;

  isIdle(now: number): boolean {
    return this.connections === 0 && this.channels === 0 &&
      Math.max(this.opens, this.publishes, this.bytes) <= now;
  }
}

/** The meters of one node. */
export class Meters {
  /** How often each limit has refused somebody, by name: `address.opens`. */
  readonly refused: Map<string, number> = new Map();
  readonly #limits: Limits;
  readonly #now: () => number;
  /** By scope and name. */
  readonly #meters = new Map<string, Meter>();
  /** Where each connection came from, by its id; if addresses have quotas. */
  readonly #origins = new Map<string, Meter>();
  readonly #round = new Round(this.#meters);

  constructor(limits: Limits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Whether anything is counted by address. */
  get byAddress(): boolean {
    return Object.values(this.#limits.address).some(Number.isFinite);
  }

  /** How many meters there are. */
  get size(): number {
    return this.#meters.size;
  }

  /** Uses `amount` of a rate; throws `too_many_requests` if that is used up. */
  take(rate: Rate, who: Who, amount = 1): void {
    const now = this.#now();
    const meters = this.#of(who, rate);
    for (const [scope, meter] of meters) {
      const wait = meter[rate] - now - 1_000 * BURST;
      if (wait < 0) continue;
      const most = `${this.#most(scope, rate)} per second`;
      throw this.#refuse(`${scope}.${rate}`, most, Math.ceil(wait));
    }
    for (const [scope, meter] of meters) {
      const time = amount * 1_000 / this.#most(scope, rate);
      meter[rate] = Math.max(meter[rate], now) + time;
    }
  }

  /**
   * Throws `too_many_requests` unless there is room for one more connection, if
   * `known` is none, and for the channels that it is to follow.
   */
  room(who: Who, known: Connection | undefined, channels: number): void {
    const more = {
      connections: known ? 0 : 1,
      channels: channels - (known?.channels.length ?? 0),
    };
    for (const kind of ["connections", "channels"] as const) {
      if (more[kind] <= 0) continue;
      // One that is known is counted where it came from at first.
      const meters = known ? this.#counting(known) : this.#of(who, kind);
      for (const [scope, meter] of meters) {
        const most = this.#most(scope, kind);
        if (meter[kind] + more[kind] <= most) continue;
        const wait = 1_000 + Math.floor(Math.random() * 4_000);
        throw this.#refuse(`${scope}.${kind}`, `${most}`, wait);
      }
    }
  }

  /** A connection begins. */
  enter(connection: Connection, address: string | undefined): void {
    const { connections, channels } = this.#limits.address;
    if (address !== undefined && Math.min(connections, channels) < Infinity) {
      this.#origins.set(connection.id, this.#open("address", address));
    }
    const { subject } = connection.identity ?? {};
    if (subject !== undefined) this.#open("subject", subject);
    for (const [, meter] of this.#counting(connection)) meter.connections++;
  }

  /** A connection is over. */
  leave(connection: Connection): void {
    for (const [, meter] of this.#counting(connection)) meter.connections--;
    this.#origins.delete(connection.id);
  }

  /** A connection follows one channel or pattern more, or one less. */
  follow(connection: Connection, change: 1 | -1): void {
    for (const [, meter] of this.#counting(connection)) {
      meter.channels += change;
    }
  }

  /** Forgets some of those who use nothing any more. */
  sweep(looks: number = SWEEP_LOOKS): void {
    const now = this.#now();
    for (let look = 0; look < looks; look++) {
      const next = this.#round.next();
      if (!next) return;
      const [name, meter] = next;
      if (meter.isIdle(now)) this.#meters.delete(name);
    }
  }

  /** The meters of those who have a quota of this kind. */
  #of(who: Who, kind: keyof Quota): [Scope, Meter][] {
    // Not between two of them: one that is new is idle.
    this.sweep(LOOKS);
    const found: [Scope, Meter][] = [];
    for (const scope of SCOPES) {
      const name = who[scope];
      if (name === undefined || this.#most(scope, kind) === Infinity) continue;
      found.push([scope, this.#open(scope, name)]);
    }
    return found;
  }

  #most(scope: Scope, kind: keyof Quota): number {
    const quota: Partial<Quota> = this.#limits[scope];
    return quota[kind] ?? Infinity;
  }

  /** Those that `connection` is counted on. */
  *#counting({ id, identity }: Connection): Generator<[Scope, Meter], void> {
    const origin = this.#origins.get(id);
    if (origin) yield ["address", origin];
    if (!identity) return;
    const meter = this.#meters.get(`subject ${identity.subject}`);
    if (meter) yield ["subject", meter];
  }

  #open(scope: Scope, name: string): Meter {
    const key = `${scope} ${name}`;
    let meter = this.#meters.get(key);
    if (meter) return meter;
    if (this.#meters.size >= MOST + 2 * this.#limits.connections) {
      // Nobody else's is taken for it.
      throw this.#refuse("meters", "everybody together", 1_000);
    }
    this.#meters.set(key, meter = new Meter());
    return meter;
  }

  #refuse(limit: string, most: string, wait: number): PushError {
    this.refused.set(limit, (this.refused.get(limit) ?? 0) + 1);
    const detail = `The limit ${limit} is reached: ${most}.`;
    return new PushError("too_many_requests", detail, wait);
  }
}
