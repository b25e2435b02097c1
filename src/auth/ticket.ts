/**
 * Tickets (PROTOCOL N12): what a bare `EventSource`, which sends no headers of its
 * own, has in its URL instead of a token. A ticket is signed and says all that is
 * to be known, so any node that has the secret takes it.
 * @module
 */
import { Buffer, hkdfSync, loadJwt } from "../deps.ts";
import { PushError } from "../errors.ts";
import { newKey } from "../key.ts";
import type { Clock } from "../options.ts";
import type { Identity } from "../policy.ts";
import { type Claims, verifyToken } from "./token.ts";

/** How long a ticket may be kept before it opens its connection, in ms. */
export const TICKET_TIME = 30_000;
/** How long one is good whose token does not end, in ms. */
const LONGEST = 86_400_000;

/** What a ticket says. */
interface Ticket {
  readonly subject: string;
  readonly claims: Claims;
  /** When its token was given; it itself, if that does not say so. */
  readonly issued: number;
  readonly expires: number;
  /** The key of its connection. */
  readonly key: string;
  /** When it is too late to open that, in ms since 1970. */
  readonly until: number;
}

/** Makes tickets, and takes them. */
export class Tickets {
  readonly #secret: string;
  readonly #clock: Pick<Clock, "now">;

  /** Those of another `secret` are refused; they are not signed with it itself. */
  constructor(secret: string, clock: Pick<Clock, "now">) {
    // So that no ticket is a token and no token is a ticket (RFC 5869).
    const derived = hkdfSync("sha256", secret, "", "halley ticket", 32);
    this.#secret = Buffer.from(derived).toString("hex");
    this.#clock = clock;
  }

  /** A ticket for one connection of `identity`. */
  async make(identity: Identity): Promise<string> {
    const now = this.#clock.now();
    const { subject, claims, issued = now } = identity;
    const expires = identity.expires ?? now + LONGEST;
    const key = newKey();
    const until = now + TICKET_TIME;
    const ticket = { subject, claims, issued, expires, key, until };
    const { sign } = await loadJwt();
    return await sign({ ticket, exp: expires / 1_000 }, this.#secret, "HS256");
  }

  /** Whom a ticket lets in; rejects with `unauthorized` or `token_expired`. */
  async take(text: string, request: Request): Promise<Identity> {
    if (request.method !== "GET" && request.method !== "HEAD") {
      const detail = "A ticket opens a stream; for all else send a token.";
      throw new PushError("unauthorized", detail);
    }
    const { until, ...identity } = await this.#verify(text);
    // An `EventSource` that was open comes back with the id of what it had last.
    const returns = request.headers.get("last-event-id");
    if (!returns && this.#clock.now() > until) {
      const seconds = TICKET_TIME / 1_000;
      const detail = `The ticket was not used within ${seconds} s.`;
      throw new PushError("unauthorized", detail);
    }
    return identity;
  }

  async #verify(text: string): Promise<Ticket> {
    const claims = await verifyToken(text, {
      algorithms: ["HS256"],
      clock: this.#clock,
      key: () => this.#secret,
    }).catch((error) => {
      if (error.code === "token_expired") throw error;
      const detail = "This is not a ticket, or not one of this server.";
      throw new PushError("unauthorized", detail);
    });
    return claims.ticket as Ticket;
  }
}
