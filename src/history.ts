/**
 * Reads what a channel still holds, here or on the backplane.
 * @module
 */
import type { Backplane } from "./backplane.ts";
import type { History, HistoryOptions } from "./channel.ts";
import type { Log } from "./log.ts";
import type { Node } from "./node.ts";
import { Past } from "./past.ts";
import { formatId } from "./position.ts";
import { locate } from "./resume.ts";

/** The messages of `channel` that `options` ask for, and what is missing. */
export async function readHistory(
  node: Node,
  backplane: Backplane,
  channel: string,
  options: HistoryOptions,
): Promise<History> {
  const { since } = options;
  const past = new Past(node, [channel]);
  try {
    // Once more if the order ends meanwhile.
    for (;;) {
      const { epoch } = node;
      const start = since === undefined
        ? undefined
        : await locate(since, node, backplane);
      if (node.epoch !== epoch) continue;
      // Whatever comes after it has not reached this node (O3).
      if (start?.early) return { frames: [], id: since!, reset: false };
      const gone = start !== undefined && start.epoch !== epoch;
      const after = gone ? 0 : start?.seq ?? 0;
      await past.read(after);
      if (node.epoch !== epoch) continue;
      const log = node.logs.open(channel);
      const reset = gone || (start !== undefined && log.floor > after);
      return { ...part(node, log, after, options), reset };
    }
  } finally {
    past.trim();
  }
}

/** What a log holds above `after`, as far as `limit` allows, and where that ends. */
function part(
  { epoch, applied }: Node,
  log: Log,
  after: number,
  { since, limit = Infinity }: HistoryOptions,
): { frames: History["frames"]; id: string } {
  const all = [...log.after(after)];
  const first = since === undefined ? Math.max(0, all.length - limit) : 0;
  const frames = all.slice(first, first + limit);
  // Where `limit` cut something off at the end, the rest is asked for from there.
  const whole = first + frames.length === all.length;
  const end = whole ? applied : frames.at(-1)?.seq ?? 0;
  // A place above `applied` is legitimate: nobody is sent back (O3).
  return { frames, id: formatId(epoch, Math.max(after, end)) };
}
