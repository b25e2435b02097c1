/**
 * The options of the Bayeux protocol, named as in CometD where they mean the same.
 * @module
 */
import type { MaybePromise } from "../../backplane.ts";
import type { Connection } from "../../connection.ts";
import type { Identity } from "../../policy.ts";

/** A message that a client sent to `/service/TARGET`. */
export interface BayeuxCall {
  /** The session that sent it: `engine.sendTo(connection.id, …)` reaches it. */
  readonly connection: Connection;
  /** What follows `/service/`. */
  readonly target: string;
  /** The `ext` of the message, if it has one. */
  readonly ext: Readonly<Record<string, unknown>>;
}

/**
 * Answers a remote call: what it returns is the answer, and what it throws fails
 * the call (a `PushError` says why). `undefined` sends no answer.
 */
export type BayeuxCallHandler = (
  data: unknown,
  call: BayeuxCall,
) => MaybePromise<unknown>;

/** How the Bayeux protocol is set up; every field has a default. */
export interface BayeuxOptions {
  /** How long a connect is held, in ms (default 30,000). */
  readonly timeout?: number;
  /** How long clients wait before they connect again, in ms (default 0). */
  readonly interval?: number;
  /**
   * How long after `interval` a session without a connect lives, in ms (default
   * 10,000).
   */
  readonly maxInterval?: number;
  /** Several clients in one browser, told by their cookie `BAYEUX_BROWSER`. */
  readonly browser?: {
    /** How many of them have a connect held (default 1; -1 is all). */
    readonly sessions?: number;
    /** How often the others ask, in ms (default 2,000). */
    readonly interval?: number;
  };
  /**
   * What answers `remoteCall("TARGET", …)` and messages to `/service/TARGET`, by
   * target. Calling one takes the right to publish to `service/TARGET`.
   */
  readonly calls?: Readonly<Record<string, BayeuxCallHandler>>;
  /** Channels whose messages wake no connect: they come with the next that does. */
  readonly lazy?: {
    /** Channels and patterns, as the engine names them. */
    readonly channels: readonly string[];
    /** How long their messages wait at most, in ms (default 5,000). */
    readonly timeout?: number;
  };
  /** Ends sessions that do nothing but connect. */
  readonly activity?: {
    /** For how long they may, in ms. */
    readonly period: number;
    /** Whether messages to the client count as well (default false). */
    readonly server?: boolean;
  };
  /**
   * How many messages a client may be behind when it connects; its session ends
   * otherwise, and it begins anew (default: as many as the logs hold).
   */
  readonly maxQueue?: number;
  /**
   * Whether what is sent to a session by `connect` listeners comes with the reply
   * to its handshake, counted by `x-messages`, rather than with its first connect
   * (default false; for CometD 3.1 and newer, and Faye; not with acknowledgements).
   */
  readonly handshakeMessages?: boolean;
  /**
   * Finds out from the `ext` of a handshake who a session is; its later messages
   * need nothing more. Default: the policy's `identify`, for every request.
   */
  identify?(
    ext: Readonly<Record<string, unknown>>,
    request: Request,
  ): MaybePromise<Identity | undefined>;
}

/** Every option filled in. */
export interface BayeuxSettings extends Omit<BayeuxOptions, "lazy"> {
  readonly timeout: number;
  readonly interval: number;
  readonly maxInterval: number;
  readonly browser: { readonly sessions: number; readonly interval: number };
  readonly calls: Readonly<Record<string, BayeuxCallHandler>>;
  readonly lazy:
    | { readonly channels: readonly string[]; readonly timeout: number }
    | undefined;
  readonly maxQueue: number;
}

/** Fills in the defaults; throws a `RangeError` that names a wrong value. */
export function settingsOf(options: BayeuxOptions): BayeuxSettings {
  const { browser = {}, lazy, activity } = options;
  if (activity) atLeast("activity.period", activity.period, 1);
  return {
    ...options,
    timeout: atLeast("timeout", options.timeout ?? 30_000),
    interval: atLeast("interval", options.interval ?? 0),
    maxInterval: atLeast("maxInterval", options.maxInterval ?? 10_000),
    browser: {
      sessions: atLeast("browser.sessions", browser.sessions ?? 1, -1),
      interval: atLeast("browser.interval", browser.interval ?? 2_000),
    },
    calls: options.calls ?? {},
    lazy: lazy && {
      channels: lazy.channels,
      timeout: atLeast("lazy.timeout", lazy.timeout ?? 5_000),
    },
    maxQueue: atLeast("maxQueue", options.maxQueue ?? Infinity),
  };
}

function atLeast(name: string, value: number, least = 0): number {
  if (value >= least) return value;
  throw new RangeError(`${name} is ${value}; it must be at least ${least}`);
}
