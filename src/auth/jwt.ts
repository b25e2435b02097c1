/**
 * A policy that goes by JSON Web Tokens (PROTOCOL N12): who somebody is and what
 * they may do is said by whoever signs the tokens.
 * @module
 */
import { chooseKey, type Jwk, keysOf, readKey, RemoteKeys } from "./jwk.ts";
import { PushError } from "../errors.ts";
import { newKey } from "../key.ts";
import { covers, subscriptionFault } from "../name.ts";
import type { Clock } from "../options.ts";
import type { Action, Identity, Policy } from "../policy.ts";
import { Tickets } from "./ticket.ts";
import {
  type Algorithm,
  type Claims,
  type Expectations,
  findToken,
  refused,
  verifyToken,
} from "./token.ts";

/** How tokens are checked: give one of `secret`, `publicKey` and `jwks`. */
export interface JwtOptions {
  /**
   * What tokens are signed with (HMAC): random, and at least as long as its hash,
   * 32 bytes for `HS256` (RFC 7518, 3.2).
   */
  readonly secret?: string;
  /** The public key of whoever signs: PEM (SPKI), or a JWK. */
  readonly publicKey?: string | Jwk;
  /** The public keys of whoever signs: the URL of a JWK Set, or the set. */
  readonly jwks?: string | URL | { readonly keys: readonly Jwk[] };
  /**
   * How a token may be signed (default `HS256` with a secret, else `RS256`, `ES256`
   * and `EdDSA`).
   */
  readonly algorithms?: readonly Algorithm[];
  /** What `iss` must be (default: anything). */
  readonly issuer?: string;
  /** What `aud` must be, or one of several (default: anything). */
  readonly audience?: string | readonly string[];
  /**
   * Whether every request has to bring a token (default true). With false, one that
   * brings none is nobody's in particular: for a policy of one's own that takes this
   * one's `identify`, and has an `allow` that grants something to everybody.
   */
  readonly credentialsRequired?: boolean;
  /** The name of a cookie that may have the token; begins with `__Host-`. */
  readonly cookie?: string;
  /**
   * What tickets are signed with: the same on all nodes (default `secret`; without
   * one, something random, so that a ticket is good on the node that gave it).
   */
  readonly ticketSecret?: string;
  /** The time it goes by (default: the system's). */
  readonly clock?: Pick<Clock, "now">;
}

/** The claims that name channels or patterns: one each, or a list. */
const GRANTS: readonly Action[] = [
  "subscribe",
  "publish",
  "history",
  "presence",
  "send",
  "sendAll",
];

/**
 * Makes a policy that goes by JSON Web Tokens. A token says who it is for in `sub`,
 * and in `subscribe`, `publish`, `presence`, `send` and `sendAll` for which channels
 * or patterns; `history` is `subscribe`, unless it is there too. It comes as
 * `Authorization: Bearer`, in the cookie, or turned into a ticket. Throws a
 * `RangeError` that names a wrong option.
 *
 * ```ts
 * import { createEngine, jwt } from "../../mod.ts";
 *
 * const secret = "0123456789abcdef0123456789abcdef"; // random, and from elsewhere
 * const engine = createEngine({ policy: jwt({ secret, audience: "push" }) });
 * await engine.close();
 * ```
 */
export function jwt(options: JwtOptions): Policy {
  const { cookie, credentialsRequired = true, clock = { now: Date.now } } =
    options;
  if (cookie !== undefined && !/^__Host-[\w.-]+$/.test(cookie)) {
    throw new RangeError(`cookie is ${cookie}; it must begin with __Host-`);
  }
  const expected = expectationsOf(options, clock);
  const { secret, ticketSecret = secret ?? newKey() + newKey() } = options;
  checkSecret("ticketSecret", ticketSecret, 32);
  const tickets = new Tickets(ticketSecret, clock);
  return {
    async identify(request) {
      const brought = findToken(request, cookie);
      if (!brought) {
        if (!credentialsRequired) return undefined;
        throw new PushError("unauthorized", "A token is needed here.");
      }
      const { by, text } = brought;
      if (by === "ticket") return await tickets.take(text, request);
      return identityOf(await verifyToken(text, expected));
    },
    allow(action, name, identity) {
      const claims = identity?.claims as Claims | undefined;
      return grantsOf(claims, action).some((grant) => covers(grant, name));
    },
    ticket: (identity) => tickets.make(identity),
  };
}

function expectationsOf(
  { secret, publicKey, jwks, ...options }: JwtOptions,
  clock: Pick<Clock, "now">,
): Expectations {
  const { issuer, audience } = options;
  if (issuer === "") {
    throw new RangeError("issuer is empty: leave it out, or name one");
  }
  const given = { secret, publicKey, jwks };
  const [name, ...more] = Object.entries(given)
    .flatMap(([name, value]) => value === undefined ? [] : [name]);
  if (name === undefined || more.length > 0) {
    const said = name ? [name, ...more].join(" and ") : "none of them";
    throw new RangeError(`jwt takes secret, publicKey or jwks, not ${said}`);
  }
  const algorithms = options.algorithms ??
    (secret === undefined ? ["RS256", "ES256", "EdDSA"] : ["HS256"]);
  const wrong = algorithms.find((each) =>
    !(secret === undefined ? /^([REP]S(256|384|512)|EdDSA)$/ : /^HS/)
      .test(each)
  );
  if (wrong !== undefined || algorithms.length === 0) {
    throw new RangeError(
      `algorithms: ${wrong ?? "none"} does not go by ${name}`,
    );
  }
  const common = { algorithms, issuer, audience, clock };
  if (secret !== undefined) {
    const bits = Math.max(...algorithms.map((each) => Number(each.slice(2))));
    checkSecret("secret", secret, bits / 8);
    return { ...common, key: () => secret };
  }
  if (typeof jwks === "string" || jwks instanceof URL) {
    const keys = new RemoteKeys(new URL(jwks).href, clock);
    return { ...common, key: (header) => keys.find(header) };
  }
  const keys = jwks ? keysOf(jwks.keys) : [readKey(publicKey!)];
  return {
    ...common,
    key: (header) => Promise.resolve(chooseKey(keys, header)),
  };
}

function checkSecret(name: string, secret: string, least: number): void {
  const { length } = new TextEncoder().encode(secret);
  if (length < least) {
    const said = `${name} has ${length} bytes; it must have ${least} or more`;
    throw new RangeError(`${said} (RFC 7518, 3.2)`);
  }
  // A public key is known to everybody: nobody may sign with it.
  if (/PUBLIC|PRIVATE|CERTIFICATE/.test(secret)) {
    throw new RangeError(`${name} looks like a key in PEM: see publicKey`);
  }
}

/** Whom a token is for; throws `unauthorized` if it does not say so properly. */
function identityOf(claims: Claims): Identity {
  const { sub, exp, iat } = claims;
  if (typeof sub !== "string" || sub === "") throw refused("it has no sub");
  for (const name of GRANTS) {
    const wrong = grantsOf(claims, name).find((grant) =>
      typeof grant !== "string" || subscriptionFault(grant) !== undefined
    );
    if (wrong === undefined) continue;
    throw refused(`its ${name} names what is neither channel nor pattern`);
  }
  return {
    subject: sub,
    claims,
    ...typeof exp === "number" && { expires: exp * 1_000 },
    // One that does not say it may be as old as any.
    issued: typeof iat === "number" ? iat * 1_000 : 0,
  };
}

/** The channels and patterns for which a token grants `action`. */
function grantsOf(claims: Claims | undefined, action: Action): string[] {
  const said = claims?.[action] ??
    (action === "history" ? claims?.subscribe : undefined);
  return said === undefined ? [] : [said].flat() as string[];
}
