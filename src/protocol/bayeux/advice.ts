/**
 * What clients are advised (protocol text 6). Every advice replaces the former one
 * whole, so each says everything.
 * @module
 */
import type { PushError } from "../../errors.ts";
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

/** What a refusal by the engine means to a client. */
export function refusalFor(error: PushError, handshake: boolean): Refusal {
  const { status, retryable, retryAfter: interval = 1_000, message } = error;
  const text = message.replaceAll(":", ";");
  if (!handshake) return new Refusal(status, "", text);
  // It goes on negotiating, or gives up.
  const advice: Advice = retryable
    ? { reconnect: "handshake", interval }
    : NONE;
  return new Refusal(status, "", text, advice);
}
