/**
 * What every protocol does with a request: it is taken apart, checked against the
 * policy, and answered, whatever goes wrong.
 * @module
 */
import { addressOf, checkProxy } from "./auth/address.ts";
import type { Context } from "./deps.ts";
import type { Engine } from "./engine.ts";
import { PushError } from "./errors.ts";
import { reconnectDelay } from "./frame.ts";
import {
  allowOrigin,
  type Callers,
  checkHost,
  drain,
  readText,
} from "./http.ts";
import { isPattern } from "./name.ts";
import { type Action, allows, type Identity } from "./policy.ts";

/**
 * Handles every request of an app: `answer` answers it, and `refuse` says so where it
 * throws. Pages that may call see either; a body that nobody has read is. Throws a
 * `RangeError` that names what is wrong with `callers`.
 */
export function handler(
  engine: Engine,
  callers: Callers,
  answer: (c: Context) => Promise<Response>,
  refuse: (error: PushError, request: Request) => Response,
): (c: Context) => Promise<Response> {
  checkProxy(callers.proxy);
  return async (c) => {
    const request = c.req.raw;
    let response: Response;
    try {
      checkHost(request, callers);
      response = await answer(c);
    } catch (thrown) {
      response = refuse(refusedWith(engine, thrown), request);
    }
    if (request.method !== "GET") await drain(request);
    if (request.headers.has("origin")) {
      allowOrigin(request, response.headers, callers);
    }
    return response;
  };
}

/**
 * What a request is refused with for what was `thrown`: it is counted. What is no
 * refusal is a fault, of which the operator is told, and the client is not.
 */
export function refusedWith({ node }: Engine, thrown: unknown): PushError {
  let error: PushError;
  if (thrown instanceof PushError) error = thrown;
  else {
    node.fail(thrown);
    error = new PushError("internal");
  }
  node.refused(error);
  return error;
}

/** One request, taken apart once. */
export interface Call {
  readonly engine: Engine;
  readonly request: Request;
  /** What the path says after the base, decoded; empty for the base itself. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The text of a body that middleware has read already. */
  reread(): Promise<string>;
  /** Where it comes from, if addresses have quotas. */
  readonly address: string | undefined;
  /** The key of a connection, from the query or its header. */
  readonly key: string | undefined;
}

/** What follows the base path, which may have parameters, and the query. */
export function takeApart(
  url: string,
  route: string,
): Pick<Call, "path" | "query"> {
  const [, target = "", search = ""] =
    /^[^?#]*?:\/\/[^/?#]*([^?#]*)\??([^#]*)/.exec(url) ?? [];
  const base = route.split("/").length - 1;
  try {
    decodeURIComponent(search);
    return {
      path: decodeURIComponent(target.split("/").slice(base).join("/")),
      query: new URLSearchParams(search),
    };
  } catch {
    throw new PushError("invalid_request", "The URL is not valid UTF-8.");
  }
}

/**
 * Where a request comes from, if addresses have quotas; the same in every protocol.
 * `env` is what the runtime's server gave.
 */
export function callerAddress(
  engine: Engine,
  request: Request,
  env: unknown,
  { proxy }: Callers,
): string | undefined {
  if (!engine.node.meters.byAddress) return undefined;
  return addressOf(request, env, proxy);
}

/**
 * The text of a body of at most `limit` bytes, which has to come in time; `reread` gives
 * the one that middleware has read already.
 */
export async function readBody(
  { node }: Engine,
  request: Request,
  reread: () => Promise<string>,
  limit: number,
): Promise<string> {
  if (request.bodyUsed) return await reread();
  const { bodyTimeout, clock } = node.settings;
  return await readText(
    request,
    limit,
    (end) => clock.schedule(end, bodyTimeout),
  );
}

/**
 * Who a request comes from; rejects if that is over, or not known. Only one that
 * `opens` a stream of the native protocol may come with a ticket (N12.3).
 */
export async function identify(
  engine: Engine,
  request: Request,
  opens = false,
): Promise<Identity | undefined> {
  const identity = await engine.policy.identify?.(request);
  if (!identity) return undefined;
  checkIdentity(engine, identity, request.headers.has("last-event-id"));
  if (opens || identity.key === undefined) return identity;
  const detail = "A ticket opens a stream; for all else send a token.";
  throw new PushError("unauthorized", detail);
}

/**
 * Throws if `identity` is over, or its subject is a pattern; `returns`: its client was
 * here before.
 */
export function checkIdentity(
  { node: { barred, settings } }: Engine,
  identity: Identity,
  returns = false,
): void {
  // Where everybody has `orders/SUBJECT`, one called `*` would have everybody's
  // (a program in JavaScript may give a number).
  if (isPattern(`${identity.subject}`)) {
    throw new PushError("unauthorized", "A subject is no pattern.");
  }
  if (settings.clock.now() >= (identity.expires ?? Infinity)) {
    throw new PushError("token_expired");
  }
  if (barred.has(identity, returns)) {
    throw new PushError("kicked", "You were sent away: sign in again.");
  }
}

/** Throws unless the policy lets `identity` do this. */
export async function demand(
  engine: Engine,
  action: Action,
  name: string,
  identity: Identity | undefined,
): Promise<void> {
  const { policy } = engine;
  if (await allows(policy, action, name, identity)) return;
  const hint = policy.allow
    ? `You may not ${action} ${name}.`
    : `Nobody may ${action} over HTTP until a policy allows it.`;
  throw new PushError(identity ? "forbidden" : "unauthorized", hint);
}

/** When whoever was refused may ask again, in ms: not all at the same moment. */
export function comeBackAfter(
  { node }: Engine,
  { code, retryAfter = 0 }: PushError,
): number {
  // A node that goes away spreads those who come back by itself.
  const spread = code === "shutdown" && node.drain ? 0 : reconnectDelay();
  return Math.ceil(retryAfter) + spread;
}
