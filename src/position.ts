/**
 * A place in the one order: an epoch and a `seq` in it. On the wire it is the
 * id `epoch-seq`, opaque to clients.
 * @module
 */

/** A place in the order. */
export interface Position {
  /** Which order: another epoch is another order, and nothing carries over. */
  readonly epoch: string;
  /** The number of the message in it, from 1; 0 is before the first. */
  readonly seq: number;
}

const ID = /^([0-9A-Za-z]{1,40})-(0|[1-9][0-9]{0,15})$/;

/** The id of a place, as it stands on the wire. */
export function formatId(epoch: string, seq: number): string {
  return `${epoch}-${seq}`;
}

/** Reads an id; one that is not of our form is `undefined`: a foreign epoch. */
export function parseId(id: string): Position | undefined {
  const match = ID.exec(id);
  const seq = Number(match?.[2]);
  if (!match?.[1] || !Number.isSafeInteger(seq)) return undefined;
  return { epoch: match[1], seq };
}
