/**
 * Where a client stands in the order (PROTOCOL N6).
 * @module
 */

/** Before everything that is held. */
const EARLIEST = "earliest";

/**
 * Which of two ids comes first: below, at or above 0; `NaN` if they are of different
 * orders, or one is missing: then nothing can be said.
 */
export function compare(a?: string, b?: string): number {
  if (a === b) return 0;
  if (!a || !b) return NaN;
  if (a === EARLIEST) return -1;
  if (b === EARLIEST) return 1;
  const [first, second] = [a, b].map((id) => id.lastIndexOf("-")) as [
    number,
    number,
  ];
  if (a.slice(0, first) !== b.slice(0, second)) return NaN;
  return +a.slice(first + 1) - +b.slice(second + 1);
}

/** Whether `id` lies after `mark`, or nobody can say. */
export function isAfter(id: string, mark?: string): boolean {
  return !(compare(id, mark) <= 0);
}

/**
 * Two ids: where to go on, and how far the client has ever been. They differ while
 * what was asked for again with an older `since` is read.
 */
export class Place {
  /** Everything up to here has been given to everyone who wanted it. */
  at: string | undefined;
  /** The newest place it has been at. */
  top: string | undefined;

  /** Starts at `since`, or at the present. */
  constructor(since?: string) {
    this.at = this.top = since;
  }

  /** Goes on to `id`, never back. */
  advance(id: string): void {
    if (isAfter(id, this.at)) this.at = id;
    if (isAfter(id, this.top)) this.top = id;
  }

  /** Goes back to `id` if that is older, and says whether it was. */
  lower(id: string | undefined): boolean {
    if (!id || (this.at && !(compare(id, this.at) < 0))) return false;
    this.at = id;
    this.top ??= id;
    return true;
  }

  /** Goes on in another order. */
  reset(id: string | undefined): void {
    this.at = this.top = id;
  }
}
