/**
 * Bayeux messages as they come and go: fields that anybody may fill with anything,
 * and replies in the words of the protocol text.
 * @module
 */

/** A message as it came: a JSON object, of which nothing is known yet. */
export type Message = Readonly<Record<string, unknown>>;

/** A reply, as it is written. */
export type Reply = Record<string, unknown>;

/** What the server advises (protocol text 6); each one replaces the former whole. */
export interface Advice {
  /** Connect again, handshake again, or stop for good. */
  readonly reconnect: "retry" | "handshake" | "none";
  /** How long to wait before that, in ms. */
  readonly interval?: number;
  /** How long a connect is held, in ms. */
  readonly timeout?: number;
  /** Whether the browser has several clients. */
  readonly "multiple-clients"?: boolean;
}

/** The session is gone: begin anew. */
export const HANDSHAKE: Advice = { reconnect: "handshake", interval: 0 };
/** Stop for good. */
export const NONE: Advice = { reconnect: "none", interval: 0 };

/** The channels of the protocol itself, which match exactly (CVE-2020-11020). */
export const META = {
  handshake: "/meta/handshake",
  connect: "/meta/connect",
  subscribe: "/meta/subscribe",
  unsubscribe: "/meta/unsubscribe",
  disconnect: "/meta/disconnect",
} as const;

/** Why a message is refused: `error` is `ddd:args:text` (protocol text 3.8). */
export class Refusal extends Error {
  /** The `error` of the reply. */
  readonly error: string;
  /** What to do now, where that is not to go on. */
  readonly advice: Advice | undefined;

  /** Refuses with `code`, about `args`. */
  constructor(code: number, args: string, text: string, advice?: Advice) {
    super(text);
    this.error = `${code}:${args}:${text}`;
    this.advice = advice;
  }
}

/** The session is not known here, or not this client's. */
export function unknownClient(clientId: unknown): Refusal {
  // Only what looks like an id of ours comes back.
  const id = typeof clientId === "string" && /^\w{1,64}$/.test(clientId);
  return new Refusal(402, id ? clientId : "", "Unknown client", HANDSHAKE);
}

/** A reply to `message`: the same channel and id, and `fields`. */
export function replyTo(message: Message, fields: Reply): Reply {
  const { channel, id } = message;
  return {
    ...(typeof channel === "string" && { channel }),
    ...(isId(id) && { id }),
    ...fields,
  };
}

/** The reply that says why `message` is refused. */
export function refusalOf(message: Message, refusal: Refusal): Reply {
  const { error, advice } = refusal;
  const { subscription } = message;
  return replyTo(message, {
    successful: false,
    error,
    ...(isSubscribe(message) && isNames(subscription) && { subscription }),
    ...(advice && { advice }),
  });
}

/** Whether a message is a client's request to follow something, or the reverse. */
function isSubscribe({ channel }: Message): boolean {
  return channel === META.subscribe || channel === META.unsubscribe;
}

/** Whether a value is a channel or pattern, or a list of them, by its type. */
export function isNames(value: unknown): value is string | string[] {
  if (typeof value === "string") return true;
  return Array.isArray(value) &&
    value.every((name) => typeof name === "string");
}

/** Whether a value can be the id of a message; clients use text. */
export function isId(value: unknown): value is string | number {
  return typeof value === "number" ||
    (typeof value === "string" && value.length <= 255);
}

/** A value as an object with fields; an empty one if it is anything else. */
export function fieldsOf(value: unknown): Message {
  const object = typeof value === "object" && value !== null &&
    !Array.isArray(value);
  return object ? value as Message : {};
}

/** A field of the `advice` in a connect, in ms, if it is one. */
export function askedFor(
  message: Message,
  field: "timeout" | "interval",
): number | undefined {
  const value = fieldsOf(message.advice)[field];
  return typeof value === "number" && value >= 0 ? value : undefined;
}
