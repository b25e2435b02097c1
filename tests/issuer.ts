/**
 * Whoever signs tokens, for tests: its keys, and tokens good and bad.
 * @module
 */
import { Buffer, loadJwt } from "../src/deps.ts";
import type { Jwk } from "../src/auth/jwk.ts";
import type { Algorithm } from "../src/auth/token.ts";

/** A secret that is long enough for every HMAC. */
export const SECRET =
  "a secret of at least sixty-four bytes, which only tests may know";

const { sign } = await loadJwt();

/** Now, in seconds since 1970, as tokens have it. */
export const now = (): number => Math.floor(Date.now() / 1_000);

/** A token signed with the secret: for Ann, unless `claims` say otherwise. */
export function token(
  claims: Record<string, unknown> = {},
  secret: string = SECRET,
  alg: Algorithm = "HS256",
): Promise<string> {
  return sign({ sub: "ann", exp: now() + 600, ...claims }, secret, alg);
}

/** The same as a header. */
export async function bearer(
  claims?: Record<string, unknown>,
): Promise<Record<string, string>> {
  return { authorization: `Bearer ${await token(claims)}` };
}

/** A token as it says, whatever that is: unsigned, or with a signature given. */
export function forged(
  header: unknown,
  claims: unknown,
  signature = "",
): string {
  const part = (value: unknown) =>
    Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part(header)}.${part(claims)}.${signature}`;
}

/** How keys for an algorithm are made. */
const MAKE: Record<string, AlgorithmIdentifier & Record<string, unknown>> = {
  RS256: {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    modulusLength: 2_048,
    publicExponent: Uint8Array.of(1, 0, 1),
  },
  ES256: { name: "ECDSA", namedCurve: "P-256" },
  EdDSA: { name: "Ed25519" },
};

/** Somebody with a pair of keys. */
export class Issuer {
  readonly #key: Record<string, unknown>;

  private constructor(
    readonly alg: Algorithm,
    /** The public key. */
    readonly jwk: Jwk,
    /** The same as text. */
    readonly pem: string,
    key: Record<string, unknown>,
  ) {
    this.#key = key;
  }

  /** Makes a pair for `alg`, called `kid`. */
  static async make(
    alg: "RS256" | "ES256" | "EdDSA",
    kid = "k1",
  ): Promise<Issuer> {
    const usages: KeyUsage[] = ["sign", "verify"];
    const pair = await crypto.subtle.generateKey(MAKE[alg]!, true, usages);
    const { publicKey, privateKey } = pair as CryptoKeyPair;
    const { subtle } = crypto;
    const der = Buffer.from(await subtle.exportKey("spki", publicKey));
    const { kty, n, e, crv, x, y } = await subtle.exportKey("jwk", publicKey);
    const jwk = JSON.parse(JSON.stringify({ kty, n, e, crv, x, y, kid, alg }));
    const lines = der.toString("base64").match(/.{1,64}/g)!.join("\n");
    const pem =
      `-----BEGIN PUBLIC KEY-----\n${lines}\n-----END PUBLIC KEY-----\n`;
    const secret = await subtle.exportKey("jwk", privateKey);
    return new Issuer(alg, jwk, pem, { ...secret, alg, kid });
  }

  /** A token signed with its key: for Ann, unless `claims` say otherwise. */
  token(claims: Record<string, unknown> = {}): Promise<string> {
    const all = { sub: "ann", exp: now() + 600, ...claims };
    return sign(all, this.#key as never, this.alg);
  }

  /** A token (`RS256`) whose header has `fields` too; the signature fits. */
  async odd(
    fields: Record<string, unknown>,
    claims: Record<string, unknown>,
  ): Promise<string> {
    const { subtle } = crypto;
    const { alg, kid, ...jwk } = this.#key;
    const key = await subtle.importKey("jwk", jwk, MAKE.RS256!, false, [
      "sign",
    ]);
    const text = forged({ alg, kid, typ: "JWT", ...fields }, claims);
    const bytes = new TextEncoder().encode(text.slice(0, -1));
    const signature = await subtle.sign(MAKE.RS256!, key, bytes);
    return text + Buffer.from(signature).toString("base64url");
  }
}
