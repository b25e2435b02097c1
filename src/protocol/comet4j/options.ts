/**
 * The options of Comet4J, by the names and with the defaults they had in `web.xml`.
 * @module
 */
import { channelFault } from "../../name.ts";
import type { WorkStyle } from "./wire.ts";

/** How Comet4J's clients are served; times in ms. */
export interface Comet4jOptions {
  /** The registered channels: every connection follows each (default `hello`). */
  readonly channels?: readonly string[];
  /** `stream`, `lpool` or, by `User-Agent`, `auto` (default). */
  readonly workStyle?: "auto" | "stream" | "lpool";
  /**
   * What clients are told of how long a request is silent (default 60,000). It ends a
   * twentieth earlier, at most 3 s, so that proxies with the same limit do not cut it.
   */
  readonly timeout?: number;
  /** How long a connection may stay without a request (default 5,000). */
  readonly connExpires?: number;
  /** How much longer, as its end was looked for only so often (default 5,000). */
  readonly connFrequency?: number;
  /**
   * How old a waiting message may become (default 60,000, and not longer than its
   * channel holds it). Its client is told by a frame on `$reset`.
   */
  readonly cacheExpires?: number;
  /**
   * Whether a connection needs, besides its public `cid`, an HttpOnly cookie set when
   * it began (default true). Pages of another origin do not send one.
   */
  readonly cookie?: boolean;
}

/** Every option filled in. */
export interface Comet4jSettings {
  readonly channels: readonly string[];
  readonly workStyle: "auto" | WorkStyle;
  readonly timeout: number;
  /** How long a silent request is held. */
  readonly hold: number;
  /** How long a connection may be away. */
  readonly linger: number;
  readonly cacheExpires: number;
  readonly cookie: boolean;
}

/** Their clients' own events. */
const RESERVED = ["c4j", "start", "stop"];

/** Clients double it, and timers take no more than 2³¹ ms. */
const LONGEST = 1_000_000_000;

/** Fills in the defaults; throws a `RangeError` that names a wrong value. */
export function comet4jSettings(options: Comet4jOptions): Comet4jSettings {
  const { workStyle = "auto", cookie = true } = options;
  const channels = [...new Set(options.channels ?? ["hello"])];
  for (const name of channels) {
    const fault = RESERVED.includes(name.toLowerCase())
      ? "clients have an event of that name"
      : channelFault(name);
    if (fault) throw new RangeError(`channels: ${name}: ${fault}`);
  }
  if (!["auto", "stream", "lpool"].includes(workStyle)) {
    throw new RangeError(
      `workStyle is ${workStyle}; it must be auto, stream or lpool`,
    );
  }
  const timeout = ms("timeout", options.timeout, 60_000, 1_000);
  const linger = ms("connExpires", options.connExpires, 5_000) +
    ms("connFrequency", options.connFrequency, 5_000);
  return {
    channels,
    workStyle,
    timeout,
    hold: timeout - Math.min(timeout / 20, 3_000),
    linger,
    cacheExpires: ms("cacheExpires", options.cacheExpires, 60_000),
    cookie,
  };
}

function ms(
  name: string,
  value: number | undefined,
  otherwise: number,
  least = 0,
): number {
  if (value === undefined) return otherwise;
  if (value >= least && value <= LONGEST) return value;
  const range = `from ${least} to ${LONGEST} ms`;
  throw new RangeError(`${name} is ${value}; it must be ${range}`);
}
