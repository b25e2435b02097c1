/**
 * What a run finds, as it is written to its JSON file.
 * @module
 */
import type { Plan } from "./plan.ts";
import type { Machine } from "./proc.ts";
import type { Runtime } from "./runtimes.ts";
import type { Transport } from "./subjects/table.ts";

/** The number of the file's form; another one is refused. */
export const FORM = 1;

/** A whole run. */
export interface Result {
  readonly form: number;
  /** When it began (RFC 3339). */
  readonly when: string;
  readonly machine: Machine;
  /** Versions of what was measured, and of what measured it. */
  readonly versions: Record<string, string>;
  /** What the load ran on. */
  readonly load: string;
  readonly command: string;
  readonly cells: Cell[];
  /** What `bench size` predicted, and what happened. */
  readonly size?: Sizing;
}

/** One program in one scenario. */
export interface Cell {
  readonly scenario: string;
  readonly transport: Transport;
  readonly runtime: Runtime;
  readonly subject: string;
  readonly title: string;
  readonly plan: Plan;
  readonly rounds: Round[];
  /** Why there are fewer rounds than were asked for. */
  failure?: string;
}

/** One time that it was measured. */
export interface Round {
  /** Numbers by name (see `metrics.ts`). */
  readonly metrics: Record<string, number>;
  readonly accounts?: Accounts;
  /** Latencies of all measured deliveries in ms: `[percentile, value]`. */
  readonly distribution?: [number, number][];
  /** Per moment of publishing: s since the start, mean and last delivery in ms. */
  readonly overTime?: [number, number, number][];
  /** Resident bytes by number of connections. */
  readonly memory?: [number, number][];
  /** Why a number may not be what it seems. */
  readonly warnings: string[];
}

/** Every delivery, accounted for. */
export interface Accounts {
  readonly expected: number;
  readonly received: number;
  readonly lost: number;
  /** What has not come to those who read slowly, by the end: no fault. */
  readonly unread: number;
  readonly doubled: number;
  /** Messages that came to somebody else, or were never sent. */
  readonly foreign: number;
  /** Deliveries that came after one that was published after their answer. */
  readonly outOfOrder: number;
  /** Clients that saw another order than most. */
  readonly disagreeing: number;
  /** Connections that the server closed. */
  readonly dropped: number;
  readonly failedPublishes: number;
  readonly examples: string[];
}

/** A prediction and its check. */
export interface Sizing {
  /** What each limit is, and how many connections it allows; `null` is any number. */
  readonly limits: Record<string, number | null>;
  readonly allowed: Record<string, number | null>;
  /** Connections predicted to fit, and at how many that was checked. */
  readonly predicted: number;
  readonly checkedAt: number;
  /** The limit that is reached first. */
  readonly bound: string;
  readonly model: Record<string, number>;
  /** What was predicted for that many, and what was measured. */
  readonly check: Check[];
  /** Whether every delivery was as it should be there. */
  readonly clean: boolean;
  /** Predictions before this one that were tried out, and were off. */
  readonly before: Omit<Sizing, "before">[];
}

/** A number at the size that was tried out. */
export interface Check {
  readonly name: string;
  readonly predicted: number;
  readonly measured: number;
  readonly limit: number | null;
}

/** Whether every delivery came once, in its place, to whom it was for. */
export function isClean(accounts: Accounts): boolean {
  const { lost, doubled, foreign, outOfOrder, disagreeing } = accounts;
  const { dropped, failedPublishes } = accounts;
  return lost + doubled + foreign + outOfOrder + disagreeing + dropped +
      failedPublishes === 0;
}
