/**
 * What the file of `sqlite()` may hold, and dropping what is more: within the
 * transaction that adds, a bounded number at a time, so that none takes long.
 * @module
 */
import { exceeds, type Keep, overflows } from "./keep.ts";
import type { Sql } from "./sqlite_file.ts";

/** The one row of `state`. */
export interface State {
  epoch: string;
  seq: number;
  /** Of the newest message. */
  time: number;
  /** Up to here every message was dropped, for its age or for room. */
  floor: number;
  /** What all messages take. */
  bytes: number;
}

/** A row of `logs`: there is one as long as the log holds a message. */
export interface LogRow {
  id: number;
  top: number;
  floor: number;
  frames: number;
  bytes: number;
}

interface Oldest {
  seq: number;
  time: number;
  size: number;
}

/** How many old messages a transaction drops beside as many as it adds. */
export const SWEEP = 256;
/** How many free pages the file keeps for what comes next. */
const FREE = 256;

/** Drops what a log holds beyond its bounds, an eighth of them at a time. */
export function trimLog(
  sql: Sql,
  { history }: Keep,
  log: LogRow,
  state: State,
  limit: number,
): void {
  if (!overflows(log, history)) return;
  const oldest = sql.all<Oldest>(
    "SELECT seq, time, size FROM messages WHERE log = ? ORDER BY seq LIMIT ?",
    log.id,
    // The newest stays, however large: else the log would forget its floor.
    Math.min(limit, log.frames - 1),
  );
  for (const { seq, size } of oldest) {
    if (!exceeds(log, history)) break;
    log.frames--;
    log.bytes -= size;
    state.bytes -= size;
    log.floor = seq;
  }
  sql.run("DELETE FROM messages WHERE log = ? AND seq <= ?", log.id, log.floor);
}

/** Drops the oldest of all: what is too old, or more than the file may hold. */
export function trimAll(
  sql: Sql,
  { history, size }: Keep,
  state: State,
  limit: number,
): void {
  const old = state.time - history.age;
  const spare = ({ time }: Oldest) => time < old || state.bytes > size;
  const oldest = "SELECT seq, time, size FROM messages ORDER BY seq LIMIT ?";
  const [first] = sql.all<Oldest>(oldest, 1);
  if (!first || !spare(first)) return;
  for (const message of sql.all<Oldest>(oldest, limit)) {
    if (!spare(message)) break;
    state.bytes -= message.size;
    state.floor = message.seq;
  }
  sql.run(
    `UPDATE logs SET floor = gone.seq, frames = logs.frames - gone.frames,
      bytes = logs.bytes - gone.bytes
    FROM (SELECT log, max(seq) AS seq, count(*) AS frames, sum(size) AS bytes
      FROM messages WHERE seq <= ? GROUP BY log) AS gone
    WHERE logs.id = gone.log`,
    state.floor,
  );
  sql.run("DELETE FROM messages WHERE seq <= ?", state.floor);
  // Without a row, what it has lost is what all have lost.
  sql.run("DELETE FROM logs WHERE frames = 0");
}

/** Gives back some of the space that nothing lies in any more. */
export function shrink(sql: Sql): void {
  const [free] = sql.all<{ freelist_count: number }>("PRAGMA freelist_count");
  if (free!.freelist_count <= FREE) return;
  sql.all("PRAGMA incremental_vacuum(64)");
}
