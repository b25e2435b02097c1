/**
 * Where a client stands in the order (PROTOCOL N6).
 * @module
 */

/**
 * Two ids: where to go on, and how far the client has ever been. They differ while
 * what was asked for again with an older `since` is read.
 */
export interface Place {
  /** Everything up to here has been given to everyone who wanted it. */
  at: string | undefined;
  /** The newest place it has been at. */
  top: string | undefined;
}

/** Before everything that is held. */
const EARLIEST = "earliest";

/**
 * Which of two ids comes first: below, at or above 0; `NaN` if they are of different
 * orders, or one is missing: then nothing can be said.
 */
export function compare(a = "", b = ""): number {
  if (a === b) return 0;
  if (a === EARLIEST) return -1;
  if (b === EARLIEST) return 1;
  const dash = a.lastIndexOf("-") + 1;
  // Of another order it does not begin so, or what follows is not a number.
  if (!b.startsWith(a.slice(0, dash))) return NaN;
  return +a.slice(dash) - +b.slice(dash);
}

/** Whether `id` lies after `mark`, or nobody can say. */
export function isAfter(id: string, mark?: string): boolean {
  return !(compare(id, mark) <= 0);
}

/** Goes on to `id`, never back. */
export function advance(place: Place, id: string): void {
  if (isAfter(id, place.at)) place.at = id;
  if (isAfter(id, place.top)) place.top = id;
}

/** Goes back to `id` if that is older, and says whether it was. */
export function lower(place: Place, id: string | undefined): boolean {
  if (!id || (place.at && !(compare(id, place.at) < 0))) return false;
  place.at = id;
  place.top ??= id;
  return true;
}
