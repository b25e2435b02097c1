/**
 * What a backplane claims to be, and the place where its order lies: what the
 * contract in `backplane_contract.ts` needs to know of it.
 * @module
 */
import type { Backplane, MaybePromise } from "../src/backplane.ts";
import type { Ear } from "./ear.ts";

/** What a place is asked to keep, where it keeps anything. */
export interface Keeping {
  /** Messages per log, about; as many as it likes where this is missing. */
  readonly frames?: number;
}

/** One order of its own, empty at first: a file, a server's database, a process. */
export interface Place {
  /** A node's way to it. What it opens, the test closes. */
  open(keeping?: Keeping): MaybePromise<Backplane>;
  /** Takes away what is left, when all that was opened is closed. */
  remove?(): MaybePromise<void>;
}

/** What a backplane claims to be, and so has to show. */
export interface Claims {
  /** It has `read` and `tops`; else it has neither. */
  readonly keeps?: boolean;
  /** What it keeps is still there when every node has closed it. */
  readonly lasts?: boolean;
  /** Several nodes may have it open at once. */
  readonly shared?: boolean;
}

/** Declares a test of one backplane with an ear on its feed; ends both. */
export type Declare = (
  clause: string,
  body: (backplane: Backplane, ear: Ear, place: Place) => Promise<void>,
  keeping?: Keeping,
) => void;
