/**
 * The options of an engine, with their defaults and units.
 * @module
 */
import type { Backplane } from "./backplane.ts";
import type { Bounds } from "./log.ts";
import type { Logger } from "./operate/logger.ts";
import type { Policy } from "./policy.ts";

/**
 * What one connection, subject or address may use. Of what is counted per second,
 * five seconds' worth may be used at once.
 */
export interface Quota {
  /** Connections, away ones included. */
  readonly connections: number;
  /** Channels and patterns that its connections follow, in all. */
  readonly channels: number;
  /**
   * Requests per second that open a stream, or a poll without its key, or ask for
   * a ticket or for who is there; a Bayeux handshake, a Comet4J `conn`.
   */
  readonly opens: number;
  /** Messages published over HTTP, per second. */
  readonly publishes: number;
  /** Bytes published over HTTP, per second. */
  readonly bytes: number;
}

/** What an engine takes on at most; beyond it, newcomers are refused. */
export interface Limits {
  /** Connections in all, away ones and stalled responses included (100,000). */
  readonly connections: number;
  /** Channels and patterns per connection (100). */
  readonly channels: number;
  /** Bytes of JSON text per message (262,144). */
  readonly message: number;
  /** Bytes in all logs (268,435,456). */
  readonly bytes: number;
  /** Number of logs (100,000). */
  readonly logs: number;
  /** Of a publisher that sends its key: 1,000 messages and 16 MiB a second. */
  readonly connection: Pick<Quota, "publishes" | "bytes">;
  /** Of everybody with the same subject: the same, and 1,000 connections. */
  readonly subject: Quota;
  /** Of everybody at an address: no limit, as it may be a proxy's. */
  readonly address: Quota;
}

/** Some limits; the others have their defaults. */
export type LimitsOptions = {
  readonly [Name in keyof Limits]?: Partial<Limits[Name]>;
};

/** The time an engine goes by; tests have their own. */
export interface Clock {
  /** Milliseconds since 1970; fractions are kept. */
  now(): number;
  /** Calls back once after `delay` ms; returns what prevents it. */
  schedule(callback: () => void, delay: number): () => void;
}

/** How an engine is set up; every field has a default. */
export interface EngineOptions {
  /** What orders the messages (default `memory()`). */
  readonly backplane?: Backplane;
  /** Who may do what (default: everybody listens, only server code publishes). */
  readonly policy?: Policy;
  /** What each log holds (default 1,024 messages, 1 MiB, 300,000 ms). */
  readonly history?: Partial<Bounds>;
  /** What it takes on at most. */
  readonly limits?: LimitsOptions;
  /** The longest silence on a stream, in ms (default 20,000). */
  readonly heartbeat?: number;
  /** How long a connection may be away before it is dropped, in ms (30,000). */
  readonly linger?: number;
  /** How long a stream may have no room before it is closed, in ms (30,000). */
  readonly writeTimeout?: number;
  /** How long the body of a request may take to come, in ms (30,000). */
  readonly bodyTimeout?: number;
  /**
   * How many of the newest messages a starting node reads before it serves anyone
   * (default 10,000), so that those who resume after a restart find them there.
   */
  readonly preload?: number;
  /**
   * How long a publish waits for a backplane that is out of reach, in ms (default
   * 0: it fails at once, as `unavailable`). 10,000 may wait; more fail at once.
   */
  readonly publishTimeout?: number;
  /**
   * How long a stream may be open, in ms (default 0: for ever). It is ended at some
   * time in the last quarter of that, and its client comes back at once.
   */
  readonly maxAge?: number;
  /** How many clients a second may come back after a shutdown (1,000). */
  readonly reconnectRate?: number;
  /** Takes what happens, an entry each (default: none; see `jsonLogger`). */
  readonly log?: Logger;
  /** The time it goes by (default: the system's). */
  readonly clock?: Clock;
}

/** Every option filled in. */
export interface Settings {
  readonly history: Bounds;
  readonly limits: Limits;
  readonly heartbeat: number;
  readonly linger: number;
  readonly writeTimeout: number;
  readonly bodyTimeout: number;
  readonly preload: number;
  readonly publishTimeout: number;
  readonly maxAge: number;
  readonly reconnectRate: number;
  readonly clock: Clock;
}

const systemClock: Clock = {
  now: Date.now,
  schedule(callback, delay) {
    const timer = setTimeout(callback, delay);
    // A timer alone keeps no program running.
    if (typeof timer === "object") (timer as { unref?(): void }).unref?.();
    else globalThis.Deno?.unrefTimer?.(timer);
    return () => clearTimeout(timer);
  },
};

/** Fills in the defaults; throws a `RangeError` that names a wrong value. */
export function settingsOf(options: EngineOptions): Settings {
  const history = boundsOf(options.history, DEFAULT_BOUNDS);
  const limits = {
    connections: count("limits.connections", options.limits?.connections, 1e5),
    channels: count("limits.channels", options.limits?.channels, 100, 1),
    message: count("limits.message", options.limits?.message, 262_144, 1),
    bytes: count("limits.bytes", options.limits?.bytes, 268_435_456, 1),
    logs: count("limits.logs", options.limits?.logs, 100_000, 1),
    connection: quotaOf("connection", options.limits?.connection, PUBLISHER),
    subject: quotaOf("subject", options.limits?.subject, SUBJECT),
    address: quotaOf("address", options.limits?.address, NO_QUOTA),
  };
  return {
    history,
    limits,
    heartbeat: count("heartbeat", options.heartbeat, 20_000, 100),
    linger: count("linger", options.linger, 30_000),
    writeTimeout: count("writeTimeout", options.writeTimeout, 30_000, 1),
    bodyTimeout: count("bodyTimeout", options.bodyTimeout, 30_000, 1),
    preload: count("preload", options.preload, 10_000),
    publishTimeout: count("publishTimeout", options.publishTimeout, 0),
    maxAge: count("maxAge", options.maxAge, 0),
    reconnectRate: count("reconnectRate", options.reconnectRate, 1_000, 1),
    clock: options.clock ?? systemClock,
  };
}

const NO_QUOTA: Quota = {
  connections: Infinity,
  channels: Infinity,
  opens: Infinity,
  publishes: Infinity,
  bytes: Infinity,
};
const PUBLISHER: Quota = { ...NO_QUOTA, publishes: 1_000, bytes: 16_777_216 };
const SUBJECT: Quota = { ...PUBLISHER, connections: 1_000 };

function quotaOf(
  name: string,
  quota: Partial<Quota> = {},
  otherwise: Quota,
): Quota {
  const of = (kind: keyof Quota, least: number) =>
    count(`limits.${name}.${kind}`, quota[kind], otherwise[kind], least);
  return {
    connections: of("connections", 0),
    channels: of("channels", 0),
    opens: of("opens", 0.001),
    publishes: of("publishes", 0.001),
    bytes: of("bytes", 1),
  };
}

const DEFAULT_BOUNDS: Bounds = {
  frames: 1_024,
  bytes: 1_048_576,
  age: 300_000,
};

/** Fills in what a log may hold; throws a `RangeError` that names a wrong value. */
export function boundsOf(
  bounds: Partial<Bounds> = {},
  otherwise: Bounds,
  name = "history",
): Bounds {
  return {
    frames: count(`${name}.frames`, bounds.frames, otherwise.frames),
    bytes: count(`${name}.bytes`, bounds.bytes, otherwise.bytes),
    age: count(`${name}.age`, bounds.age, otherwise.age),
  };
}

/** A number that may be left out; throws a `RangeError` that names a wrong one. */
export function count(
  name: string,
  value: number | undefined,
  otherwise: number,
  least = 0,
): number {
  if (value === undefined) return otherwise;
  if (value >= least) return value;
  throw new RangeError(`${name} is ${value}; it must be at least ${least}`);
}
