/**
 * Reads what a channel still holds, here or on the backplane.
 * @module
 */
import type { Backplane } from "./backplane.ts";
import type { History, HistoryOptions } from "./channel.ts";
import { PushError } from "./errors.ts";
import type { Node } from "./node.ts";
import { locate } from "./resume.ts";

/** The messages of `channel` that `options` ask for, and what is missing. */
export async function readHistory(
  node: Node,
  backplane: Backplane,
  channel: string,
  { since, limit = Infinity }: HistoryOptions,
): Promise<History> {
  const start = since === undefined
    ? undefined
    : await locate(since, node, backplane);
  const gone = start !== undefined && start.epoch !== node.epoch;
  const after = gone ? 0 : start?.seq ?? 0;
  const log = node.logs.open(channel);
  if (await node.recovery.fill(log, after) === false) {
    throw new PushError("unavailable");
  }
  const reset = gone || (start !== undefined && log.floor > after);
  const all = [...log.after(after)];
  const first = start ? 0 : Math.max(0, all.length - limit);
  const frames = all.slice(first, first + limit);
  // Where `limit` cut something off at the end, the rest is asked for from there.
  const whole = first + frames.length === all.length;
  const id = whole ? node.id : frames.at(-1)?.id ?? since!;
  return { frames, id, reset };
}
