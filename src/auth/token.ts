/**
 * JSON Web Tokens (RFC 7519): where a request has one, and whether it is good.
 * @module
 */
import { loadJwt } from "../deps.ts";
import { PushError } from "../errors.ts";
import type { Jwk, KeyHeader } from "./jwk.ts";
import type { Clock } from "../options.ts";

/** How a token is signed (RFC 7518, 3.1; RFC 8037, 3.1). */
export type Algorithm =
  | "HS256"
  | "HS384"
  | "HS512"
  | "RS256"
  | "RS384"
  | "RS512"
  | "PS256"
  | "PS384"
  | "PS512"
  | "ES256"
  | "ES384"
  | "ES512"
  | "EdDSA";

/** What a token says. */
export type Claims = Readonly<Record<string, unknown>>;

/** What a token must be. */
export interface Expectations {
  readonly algorithms: readonly Algorithm[];
  readonly issuer?: string | undefined;
  readonly audience?: string | readonly string[] | undefined;
  readonly clock: Pick<Clock, "now">;
  /** The secret or public key that a token's header asks for. */
  key(header: KeyHeader): string | Promise<Jwk | undefined>;
}

/** What is wrong with a token, by what `hono/jwt` says of it. */
const FAULTS: Record<string, string> = {
  JwtHeaderInvalid: "its header is not one that is understood",
  JwtTokenIssuer: "it is of another issuer",
  JwtPayloadRequiresAud: "it names no audience",
  JwtTokenAudience: "it is for another audience",
};

/** A refusal that says what is wrong, and nothing of the token. */
export function refused(fault: string): PushError {
  return new PushError("unauthorized", `The token is not valid: ${fault}.`);
}

/** What a good token says; rejects with `unauthorized` or `token_expired`. */
export async function verifyToken(
  token: string,
  expected: Expectations,
): Promise<Claims> {
  const { issuer, audience, clock } = expected;
  const { verify, decode } = await loadJwt();
  const header = headerOf(() => decode(token).header);
  // The token does not choose: `none`, or a public key taken for a secret.
  const alg = expected.algorithms.find((each) => each === header.alg);
  if (!alg) throw refused(`it must be signed by ${expected.algorithms}`);
  const key = await expected.key(header);
  if (!key) throw refused("it is signed with a key that its issuer has not");
  let claims: unknown;
  try {
    claims = await verify(token, key as string, {
      alg,
      // The times are compared here, by this server's clock.
      exp: false,
      nbf: false,
      iat: false,
      ...issuer !== undefined && { iss: issuer },
      ...audience !== undefined && { aud: [audience].flat() },
      // An access token of OAuth 2.0 (RFC 9068, 2.1) says so.
      ...isAccessToken(header) && { typ: "at+jwt" },
    });
  } catch (error) {
    const name = (error as Error | undefined)?.name ?? "";
    throw refused(FAULTS[name] ?? "its signature does not fit");
  }
  if (typeof claims !== "object" || claims === null) {
    throw refused("it makes no claims");
  }
  checkTimes(claims as Claims, clock.now());
  return claims as Claims;
}

function headerOf(read: () => unknown): KeyHeader & { typ?: unknown } {
  let header: unknown;
  try {
    header = read();
  } catch { /* It is no token at all. */ }
  if (typeof header === "object" && header !== null && "alg" in header) {
    return header as KeyHeader;
  }
  throw refused("it is no JSON Web Token");
}

function isAccessToken({ typ }: { typ?: unknown }): boolean {
  return typeof typ === "string" && /^(application\/)?at\+jwt$/i.test(typ);
}

/** `exp` and `nbf` (RFC 7519, 4.1.4 and 4.1.5). */
function checkTimes({ exp, nbf }: Claims, now: number): void {
  if (exp !== undefined && !Number.isFinite(exp)) {
    throw refused("its exp is no time");
  }
  if (nbf !== undefined && !Number.isFinite(nbf)) {
    throw refused("its nbf is no time");
  }
  if ((nbf as number) * 1_000 > now) throw refused("its time has not come");
  if ((exp as number) * 1_000 <= now) throw new PushError("token_expired");
}

/** A token as a request brings it. */
export interface Brought {
  readonly by: "header" | "cookie" | "ticket";
  readonly text: string;
}

/**
 * The token of a request: a header goes before a ticket, a ticket before a cookie,
 * which browsers send along unasked. A token in the URL is refused (RFC 6750, 5.3).
 */
export function findToken(
  request: Request,
  cookie: string | undefined,
): Brought | undefined {
  const query = /\?([^#]*)/.exec(request.url)?.[1] ?? "";
  if (/(^|&)(access_token|token|jwt)=/.test(query)) {
    const detail = "A token in a URL ends up in logs: send it as " +
      "Authorization: Bearer, or use a ticket (N12).";
    throw new PushError("unauthorized", detail);
  }
  const ticket = /(?:^|&)ticket=([^&]*)/.exec(query)?.[1];
  const header = request.headers.get("authorization")?.trim() ?? "";
  // Another scheme is of no concern to us: it may be a proxy's.
  const bearer = /^bearer +(\S+)$/i.exec(header)?.[1];
  if (bearer !== undefined) {
    if (ticket === undefined) return { by: "header", text: bearer };
    const detail = "A token and a ticket are one too many (RFC 6750, 2).";
    throw new PushError("invalid_request", detail);
  }
  if (ticket !== undefined) return { by: "ticket", text: ticket };
  if (cookie === undefined) return undefined;
  const text = cookieOf(request.headers.get("cookie") ?? "", cookie);
  return text === undefined ? undefined : { by: "cookie", text };
}

/** The value of a cookie (RFC 6265, 4.2). */
function cookieOf(header: string, name: string): string | undefined {
  for (const pair of header.split(";")) {
    const equals = pair.indexOf("=");
    if (pair.slice(0, equals).trim() !== name) continue;
    return pair.slice(equals + 1).trim().replace(/^"(.*)"$/, "$1");
  }
  return undefined;
}
