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
  let top: Position;
  try {
    top = await backplane.top();
  } catch {
    throw new PushError(
      "unavailable",
      "The order of messages is out of reach; nobody knows what you missed.",
      1_000,
    );
  }
  // The node may have moved on while we asked.
  if (at.epoch === top.epoch) {
    if (at.seq > top.seq) return GONE;
    return { ...at, early: at.epoch !== node.epoch };
  }
  if (at.epoch === node.epoch && at.seq <= node.applied) {
    return { ...at, early: false };
  }
  return GONE;
}
