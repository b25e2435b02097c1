/**
 * What clients are advised (protocol text 6). Every advice replaces the former one
 * whole, so each says everything.
 * @module
 */
import type { Code, PushError } from "../../errors.ts";
import { type Advice, type Message, NONE, Refusal } from "./message.ts";
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

/** What a refusal of a handshake means: its client tries again, or gives up. */
export function unwelcome(
  error: PushError,
  { minimumVersion }: Message,
  interval: number,
): Refusal {
  const { status, retryable } = error;
  // Faye's client, which names no least version, tries again by itself after 5 s; told
  // to shake hands it does so besides, and each refusal makes two of one: 136 in 5 s
  // after 40 s, and so on.
  const reconnect = minimumVersion === undefined ? "retry" : "handshake";
  const again: Advice = { reconnect, interval };
  return new Refusal(status, "", textOf(error), retryable ? again : NONE);
}

/**
 * What any other refusal by the engine means: its client goes on with its session, and
 * reads in how many seconds the same may be done, if that is known.
 */
export function refusalFor(error: PushError): Refusal {
  const { status, retryAfter } = error;
  const seconds = retryAfter === undefined
    ? ""
    : `${Math.max(1, Math.ceil(retryAfter / 1_000))}`;
  return new Refusal(status, seconds, textOf(error));
}

/** Colons part the fields of an error. */
function textOf({ message }: PushError): string {
  return message.replaceAll(":", ";");
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
