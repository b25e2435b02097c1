/**
 * Which public key belongs to a token: the keys of an issuer (RFC 7517), given or
 * fetched.
 * @module
 */
import { createPublicKey } from "../deps.ts";
import { PushError } from "../errors.ts";
import type { Clock } from "../options.ts";

/** A public key as JSON (RFC 7517). */
export interface Jwk {
  /** The family of the key: `RSA`, `EC` or `OKP`. */
  readonly kty: string;
  /** Its name; a token says by which one it is signed. */
  readonly kid?: string;
  /** The one algorithm it is for, if it says so. */
  readonly alg?: string;
  /** What it is for: `sig`, if it says so. */
  readonly use?: string;
  /** The curve of an `EC` or `OKP` key. */
  readonly crv?: string;
  /** The parameters of its family (RFC 7518, 6). */
  readonly [parameter: string]: unknown;
}

/** What of a token's header chooses its key. */
export interface KeyHeader {
  readonly alg: string;
  readonly kid?: unknown;
}

/** What family and curve an algorithm takes (RFC 7518, 3.1; RFC 8037, 3.1). */
const FAMILIES: Record<string, [kty: string, crv?: string]> = {
  ES256: ["EC", "P-256"],
  ES384: ["EC", "P-384"],
  ES512: ["EC", "P-521"],
  EdDSA: ["OKP", "Ed25519"],
};

/**
 * The key of `keys` that a token names; else the only one that fits its algorithm,
 * where the token or the key has no name.
 */
export function chooseKey(
  keys: readonly Jwk[],
  { alg, kid }: KeyHeader,
): Jwk | undefined {
  const [kty, crv] = FAMILIES[alg] ?? ["RSA"];
  const fitting = keys.filter((key) =>
    key.kty === kty && (crv === undefined || key.crv === crv) &&
    (key.alg ?? alg) === alg && (key.use ?? "sig") === "sig"
  );
  const named = fitting.find((key) => kid !== undefined && key.kid === kid);
  if (named) return named;
  const unnamed = fitting.filter((key) =>
    kid === undefined || key.kid === undefined
  );
  return unnamed.length === 1 ? unnamed[0] : undefined;
}

/** A public key in PEM, or as JSON, without what is private of it. */
export function readKey(key: string | Jwk): Jwk {
  try {
    const { kid, alg } = typeof key === "string" ? {} as Partial<Jwk> : key;
    const read = typeof key === "string"
      ? createPublicKey(key)
      : createPublicKey({ key: key as never, format: "jwk" });
    const parameters = read.export({ format: "jwk" }) as unknown as Jwk;
    return { ...parameters, ...kid && { kid }, ...alg && { alg } };
  } catch (cause) {
    const what = "publicKey is not a public key in PEM (SPKI) or as a JWK";
    throw new RangeError(what, { cause });
  }
}

/** How long fetched keys are good, in ms; then others are asked for meanwhile. */
const FRESH = 600_000;
/** How long they are used if no others can be had, in ms. */
const STALE = 86_400_000;
/** How long nothing is asked after the last time, in ms. */
const PAUSE = 10_000;
/** How long an answer may take, in ms. */
const PATIENCE = 5_000;

/** The keys behind a URL, fetched when they are needed. */
export class RemoteKeys {
  readonly #url: string;
  readonly #clock: Pick<Clock, "now">;
  #keys: readonly Jwk[] = [];
  /** When they came, and when they were asked for last, in ms since 1970. */
  #fetched = -Infinity;
  #asked = -Infinity;
  #failed = false;
  #asking: Promise<void> | undefined;

  /** Fetches nothing yet. */
  constructor(url: string, clock: Pick<Clock, "now">) {
    this.#url = url;
    this.#clock = clock;
  }

  /**
   * The key that a token names, if the issuer has it. Rejects with `unavailable`
   * if that cannot be found out: the token may be good.
   */
  async find(header: KeyHeader): Promise<Jwk | undefined> {
    const age = this.#clock.now() - this.#fetched;
    if (age >= STALE) await this.#refresh();
    else if (age >= FRESH) void this.#refresh().catch(() => {});
    const key = chooseKey(this.#keys, header);
    // The issuer may have a new one.
    if (key || !await this.#refresh()) return key;
    return chooseKey(this.#keys, header);
  }

  /** Asks again, once for all who want it; false if that was done a moment ago. */
  async #refresh(): Promise<boolean> {
    const now = this.#clock.now();
    if (!this.#asking && now - this.#asked < PAUSE) {
      if (!this.#failed) return false;
      throw unavailable(this.#asked + PAUSE - now);
    }
    this.#asking ??= this.#ask(now);
    await this.#asking;
    if (this.#failed) throw unavailable(PAUSE);
    return true;
  }

  async #ask(now: number): Promise<void> {
    this.#asked = now;
    try {
      this.#keys = await fetchKeys(this.#url);
      this.#fetched = now;
      this.#failed = false;
    } catch (error) {
      this.#failed = true;
      console.error(`halley: no keys from ${this.#url}:`, String(error));
    } finally {
      this.#asking = undefined;
    }
  }
}

function unavailable(after: number): PushError {
  const detail = "The keys that tokens are checked with are out of reach.";
  return new PushError("unavailable", detail, after);
}

async function fetchKeys(url: string): Promise<Jwk[]> {
  const response = await fetch(url, {
    headers: { accept: "application/jwk-set+json, application/json" },
    signal: AbortSignal.timeout(PATIENCE),
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new Error(`HTTP ${response.status}`);
  }
  const set = await response.json();
  if (!Array.isArray(set?.keys)) throw new Error("it is no JWK Set (RFC 7517)");
  return keysOf(set.keys);
}

/** Those that can be public keys; what is unknown is passed over (RFC 7517, 5). */
export function keysOf(keys: readonly unknown[]): Jwk[] {
  return keys.filter((key): key is Jwk =>
    typeof (key as Jwk | undefined)?.kty === "string"
  );
}
