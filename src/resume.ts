/**
 * Where a client goes on when it comes with the id of what it had last (O3).
 * @module
 */
import type { Backplane } from "./backplane.ts";
import { PushError } from "./errors.ts";
import { parseId, type Position } from "./position.ts";

/** A place to go on from; `early` if this node has not reached its epoch yet. */
export interface Start extends Position {
  readonly early: boolean;
}

/** A place in an order that is gone: the client gets a `reset`. */
export const GONE: Start = { epoch: "", seq: 0, early: false };

/**
 * Finds the place that `since` names. One above what this node has applied is
 * legitimate (another node was faster) unless the backplane itself is behind it.
 * If the node has another epoch afterwards, ask again: the answer is void.
 */
export async function locate(
  since: string,
  node: Readonly<{ epoch: string; applied: number }>,
  backplane: Backplane,
): Promise<Start> {
  const at = parseId(since);
  if (!at) return GONE;
  if (at.epoch === node.epoch && at.seq <= node.applied) {
    return { ...at, early: false };
  }
  const top = await newest(backplane);
  if (at.epoch === top.epoch && at.seq <= top.seq) {
    return { ...at, early: at.epoch !== node.epoch };
  }
  // Ours, but it is over: the `reset` comes with the next epoch.
  const over = at.epoch === node.epoch && at.epoch !== top.epoch;
  return over ? { ...at, early: false } : GONE;
}

async function newest(backplane: Backplane): Promise<Position> {
  try {
    return await backplane.top();
  } catch {
    throw new PushError(
      "unavailable",
      "The order of messages is out of reach; nobody knows what you missed.",
      1_000,
    );
  }
}
