/**
 * What clients are advised (protocol text 6). Every advice replaces the former one
 * whole, so each says everything.
 * @module
 */
import type { Code, PushError } from "../../errors.ts";
import { type Advice, NONE, Refusal } from "./message.ts";
import type { BayeuxSettings } from "./options.ts";
import type { Session } from "./session.ts";

/** Connect again after the usual interval. */
export function usual({ interval, timeout }: BayeuxSettings): Advice {
  return { reconnect: "retry", interval, timeout };
}

/** Another client of the browser has its connect held: ask now and then. */
export function oneOfSeveral({ browser, timeout }: BayeuxSettings): Advice {
  const { interval } = browser;
  return { reconnect: "retry", interval, timeout, "multiple-clients": true };
}

/** To compare it with another. */
export const adviceText: (advice: Advice) => string = JSON.stringify;

/** The advice for a connect reply, unless the client has it already. */
export function news(session: Session, advice: Advice): Advice | undefined {
  const text = adviceText(advice);
  if (text === session.advised) return undefined;
  session.advised = text;
  return advice;
}

/**
 * What a refusal by the engine means to a client. One that is to shake hands does it
 * again after `interval` ms, or gives up; another goes on with its session, and reads
 * in how many seconds the same may be done, if that is known.
 */
export function refusalFor(
  { status, retryable, retryAfter, message }: PushError,
  handshake: boolean,
  interval: number,
): Refusal {
  const text = message.replaceAll(":", ";");
  if (handshake) {
    const again: Advice = { reconnect: "handshake", interval };
    return new Refusal(status, "", text, retryable ? again : NONE);
  }
  const seconds = retryAfter === undefined
    ? ""
    : `${Math.max(1, Math.ceil(retryAfter / 1_000))}`;
  return new Refusal(status, seconds, text);
}

/** What operators count, by the number that a client reads. */
const CODES: Record<string, Code> = {
  402: "not_found",
  403: "forbidden",
  404: "not_found",
  405: "invalid_channel",
  413: "too_large",
};

/** What a refusal in the protocol's own words is called by the engine. */
export function codeOf({ error }: Refusal): Code {
  return CODES[error.slice(0, 3)] ?? "invalid_request";
}
