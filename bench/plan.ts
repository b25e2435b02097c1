/**
 * What is published when, and who has to get it. A plan is a pure function of a
 * few numbers, so that every process knows it without being told message by
 * message: a delivery carries nothing but its number.
 * @module
 */

/** What a run publishes, and to whom. */
export interface Plan {
  /** Connections in all. */
  readonly connections: number;
  /** Channels in all. */
  readonly channels: number;
  /** Channels that each connection follows. */
  readonly perConnection: number;
  /** Messages per second, all channels together. */
  readonly rate: number;
  /** How many of them are due at the same moment. */
  readonly burst: number;
  /** How long it is published and measured, in s. */
  readonly seconds: number;
  /** How long it is published before that without being measured, in s. */
  readonly warmUp: number;
  /** The length of a message, in bytes. */
  readonly bytes: number;
  /** Whether each message is for one connection alone. */
  readonly direct: boolean;
}

/** A message begins with this, and nothing else on the wire contains it. */
export const MARK = "~";

/** Digits of a message's number. */
export const DIGITS = 7;

/** How many messages are sent before the measured ones. */
export function unmeasured({ rate, burst, warmUp }: Plan): number {
  return Math.round(rate * warmUp / burst) * burst;
}

/** How many messages there are, those of the warm-up included. */
export function messages(plan: Plan): number {
  const { rate, burst, seconds } = plan;
  const measured = Math.max(1, Math.round(rate * seconds / burst)) * burst;
  return unmeasured(plan) + measured;
}

/** When message `n` is due, in ms since the start. */
export function due({ rate, burst }: Plan, n: number): number {
  return Math.floor(n / burst) * burst / rate * 1_000;
}

/** The channel of message `n`. */
export function channelOf({ channels }: Plan, n: number): number {
  return n % channels;
}

/** The connection that a direct message `n` is for. */
export function receiverOf({ connections }: Plan, n: number): number {
  return n % connections;
}

/**
 * The channels of a connection: as many members for each channel, and no two
 * connections alike while that is possible (a server may serve those together).
 */
export function channelsOf(plan: Plan, connection: number): number[] {
  const { channels, perConnection } = plan;
  if (perConnection === 1) return [connection % channels];
  const steps = coprimes(channels);
  const step = steps[Math.floor(connection / channels) % steps.length]!;
  return Array.from(
    { length: perConnection },
    (_, i) => (connection + i * step) % channels,
  );
}

/** Whether `connection` has to get message `n`. */
export function expects(
  plan: Plan,
  connection: number,
  followed: Uint8Array,
  n: number,
): boolean {
  if (plan.direct) return receiverOf(plan, n) === connection;
  return followed[channelOf(plan, n)] === 1;
}

/** The channels of a connection as a table. */
export function followedBy(plan: Plan, connection: number): Uint8Array {
  const table = new Uint8Array(plan.channels);
  for (const channel of channelsOf(plan, connection)) table[channel] = 1;
  return table;
}

/** How many deliveries the messages from `from` on make in all. */
export function deliveries(plan: Plan, from = 0): number {
  const all = messages(plan);
  if (plan.direct) return all - from;
  // Where connections are few, channels have not as many members each.
  const members = new Uint32Array(plan.channels);
  for (let connection = 0; connection < plan.connections; connection++) {
    for (const channel of channelsOf(plan, connection)) members[channel]!++;
  }
  let sum = 0;
  for (let n = from; n < all; n++) sum += members[channelOf(plan, n)]!;
  return sum;
}

/** The data of message `n`. */
export function textOf({ bytes }: Plan, n: number): string {
  const text = MARK + String(n).padStart(DIGITS, "0");
  return text.padEnd(bytes, "x");
}

/** The name of a channel. */
export function nameOf(channel: number): string {
  return `bench-${channel}`;
}

const known = new Map<number, number[]>();

function coprimes(modulus: number): number[] {
  let found = known.get(modulus);
  if (!found) {
    found = [];
    for (let i = 1; i <= modulus; i++) {
      if (divisor(i, modulus) === 1) found.push(i);
    }
    known.set(modulus, found);
  }
  return found;
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}
