/**
 * Who was thrown out for good, so that whoever comes back by itself, as a bare
 * `EventSource` does, is told to stay away.
 * @module
 */
import { PushError } from "../errors.ts";
import { idOfKey } from "../key.ts";
import { isPattern } from "../name.ts";
import type { Identity } from "../policy.ts";

/** How many subjects, and how many tickets, are remembered; the oldest go first. */
const MOST = 10_000;
/** How long a subject is remembered, in ms. */
const LONGEST = 86_400_000;

/** Subjects and tickets that are over. */
export class Barred {
  /** How often a subject was thrown out: what a request that waits looks back to. */
  times = 0;
  /** When each subject was thrown out, in ms since 1970, and as which; oldest first. */
  readonly #subjects = new Map<string, { since: number; nth: number }>();
  /** The connections of tickets that are over, and until when that matters. */
  readonly #tickets = new Map<string, number>();

  /** What `subject` was given up to `now` is worth nothing from now on. */
  subject(subject: string, now: number): void {
    remember(this.#subjects, subject, { since: now, nth: ++this.times });
  }

  /** Ends the ticket for a connection, which is none after `expires` in any case. */
  ticket(connection: string, now: number, expires = now + LONGEST): void {
    remember(this.#tickets, connection, expires);
  }

  /**
   * Whether `identity` is over. One that does not say when it was given was given when
   * its request came, which was at `times`.
   */
  has({ subject, issued, key }: Identity, times: number): boolean {
    if (key !== undefined && this.#tickets.has(idOfKey(key))) return true;
    const bar = this.#subjects.get(subject);
    if (!bar) return false;
    return issued === undefined ? bar.nth > times : issued <= bar.since;
  }

  /** Forgets what has had its time. */
  sweep(now: number): void {
    for (const [subject, { since }] of this.#subjects) {
      if (now - since < LONGEST) break;
      this.#subjects.delete(subject);
    }
    for (const [connection, until] of this.#tickets) {
      if (now >= until) this.#tickets.delete(connection);
    }
  }
}

/** What tells who is over. */
interface Judge {
  readonly barred: Barred;
  readonly settings: { readonly clock: { now(): number } };
}

/**
 * Throws if `identity` is over, or its subject is a pattern. It is asked when a request
 * comes, and again once all that it waited for is there; `times` is what `barred` said
 * when it came.
 */
export function checkIdentity(
  { barred, settings }: Judge,
  identity: Identity | undefined,
  times: number,
): void {
  if (!identity) return;
  // Where everybody has `orders/SUBJECT`, one called `*` would have everybody's
  // (a program in JavaScript may give a number).
  if (isPattern(`${identity.subject}`)) {
    throw new PushError("unauthorized", "A subject is no pattern.");
  }
  if (settings.clock.now() >= (identity.expires ?? Infinity)) {
    throw new PushError("token_expired");
  }
  if (barred.has(identity, times)) {
    throw new PushError("kicked", "You were sent away: sign in again.");
  }
}

function remember<T>(map: Map<string, T>, name: string, value: T): void {
  map.delete(name);
  map.set(name, value);
  if (map.size <= MOST) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
