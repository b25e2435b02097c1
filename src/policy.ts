/**
 * Who you are and what you may do: decided when a request comes in, never per
 * message.
 * @module
 */
import type { MaybePromise } from "./backplane.ts";

/** Who a request comes from, as a policy found out. */
export interface Identity {
  /**
   * Who it is: reclaiming a connection takes the same subject. One that is a pattern,
   * such as `*`, is refused, as policies put subjects into names.
   */
  readonly subject: string;
  /** Whatever else the policy wants to remember, such as a token's claims. */
  readonly claims?: unknown;
  /** When it ends, in ms since 1970: then its client must bring a new one (N12). */
  readonly expires?: number;
  /** When it was given, in ms since 1970: a later `drop` of its subject ends it. */
  readonly issued?: number;
  /** The key of the one connection that it is for, as with a ticket (N12). */
  readonly key?: string;
}

/**
 * What a client may want to do. `history` is reading what is held, by
 * `since=earliest` or `wait=0`; a resume by id takes `subscribe` only.
 */
export type Action =
  | "subscribe"
  | "publish"
  | "send"
  | "sendAll"
  | "history"
  | "presence";

/** Decides for every request; server code that calls the engine is not asked. */
export interface Policy {
  /**
   * Finds out who a request comes from; `undefined` is nobody in particular.
   * Throw a `PushError("unauthorized")` for a token that is not valid.
   */
  identify?(request: Request): MaybePromise<Identity | undefined>;
  /**
   * Whether `identity` may do `action` on a channel or pattern. It is asked at
   * subscribe and again at every resume. For `send` and `sendAll`, `name` is the
   * channel too.
   *
   * Grant a pattern only if every name it matches is granted: `name` may be `**`, which
   * stands for all of them, so `!name.startsWith("staff/")` keeps nobody out. Say what
   * is granted, by `covers`:
   *
   * ```ts
   * import { covers, createEngine } from "../mod.ts";
   *
   * const open = ["news", "chat/**"];
   * const engine = createEngine({
   *   policy: {
   *     allow: (action, name) =>
   *       action === "subscribe" && open.some((each) => covers(each, name)),
   *   },
   * });
   * await engine.close();
   * ```
   */
  allow?(
    action: Action,
    name: string,
    identity: Identity | undefined,
  ): MaybePromise<boolean>;
  /**
   * Makes a ticket: a short text that `identify` takes for `identity` when it comes
   * as `ticket=` in the query, and for one connection only (N12).
   */
  ticket?(identity: Identity): MaybePromise<string>;
}

/**
 * Whether a policy lets `identity` do `action`. Where it does not say, everybody
 * listens, and only server code publishes.
 */
export async function allows(
  policy: Policy,
  ...what: Parameters<NonNullable<Policy["allow"]>>
): Promise<boolean> {
  if (policy.allow) return await policy.allow(...what);
  return what[0] === "subscribe" || what[0] === "history";
}
