/**
 * One request to the router: taken apart, and checked against the policy.
 * @module
 */
import type { Engine } from "./engine.ts";
import { PushError } from "./errors.ts";
import { type Action, allows, type Identity } from "./policy.ts";

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

/** Who a request comes from; rejects if that is over, or not known. */
export async function identify(
  engine: Engine,
  request: Request,
): Promise<Identity | undefined> {
  const identity = await engine.policy.identify?.(request);
  if (!identity) return undefined;
  const { barred, settings: { clock } } = engine.node;
  if (clock.now() >= (identity.expires ?? Infinity)) {
    throw new PushError("token_expired");
  }
  if (barred.has(identity, request.headers.has("last-event-id"))) {
    throw new PushError("kicked", "You were sent away: sign in again.");
  }
  return identity;
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
