/**
 * What the `sqlite()` backplane keeps in its file: messages in one order, what each
 * log holds and has dropped, and keys. Everything here is one transaction.
 * @module
 */
import {
  digestOf,
  type Draft,
  keyReused,
  pageEnd,
  type Reading,
  type Tops,
} from "../backplane.ts";
import type { PushError } from "../errors.ts";
import { Frame } from "../frame.ts";
import type { Position } from "../position.ts";
import type { Appended } from "./commits.ts";
import type { Keep } from "./keep.ts";
import {
  type LogRow,
  shrink,
  type State,
  SWEEP,
  trimAll,
  trimLog,
} from "./sqlite_bounds.ts";
import type { Sql } from "./sqlite_file.ts";

interface MessageRow {
  seq: number;
  log: string;
  channel: string;
  time: number;
  data: string;
  sender: string | null;
  meta: string | null;
}

const MESSAGE =
  "seq, logs.name AS log, channel, time, data, sender, meta FROM messages " +
  "JOIN logs ON logs.id = messages.log";

/** The tables of one open file. */
export class Store {
  readonly #sql: Sql;
  readonly #keep: Keep & { readonly keys: number };
  #state: State;

  constructor(sql: Sql, keep: Keep & { readonly keys: number }) {
    this.#sql = sql;
    this.#keep = keep;
    this.#state = this.#load();
  }

  get top(): Position {
    return { epoch: this.#state.epoch, seq: this.#state.seq };
  }

  close(): void {
    this.#sql.close();
  }

  /** Puts drafts into the order, all of them or, if it throws, none. */
  append(drafts: readonly Draft[]): Appended {
    const state = { ...this.#state };
    const logs = new Map<string, LogRow>();
    const frames: Frame[] = [];
    try {
      this.#sql.exec("BEGIN IMMEDIATE");
      const answers = drafts.map((draft) => {
        const known = draft.key === undefined
          ? undefined
          : this.#repeated(draft, draft.key, state);
        if (known) return known;
        frames.push(this.#insert(draft, state, logs));
        return { epoch: state.epoch, seq: state.seq };
      });
      if (drafts.some(({ key }) => key !== undefined)) this.#forgetKeys(state);
      const limit = SWEEP + frames.length;
      for (const log of logs.values()) {
        trimLog(this.#sql, this.#keep, log, state, limit);
        this.#saveLog(log);
      }
      if (frames.length > 0) {
        trimAll(this.#sql, this.#keep, state, limit);
        this.#saveState(state);
        shrink(this.#sql);
      }
      this.#sql.exec("COMMIT");
      this.#state = state;
      return { frames, answers };
    } catch (error) {
      this.#undo();
      throw error;
    }
  }

  /** Messages of all logs above `after`, in order; trimmed logs leave holes. */
  since(after: number, limit: number): Frame[] {
    const sql = `SELECT ${MESSAGE} WHERE seq > ? ORDER BY seq LIMIT ?`;
    return this.#frames(sql, after, limit);
  }

  read(name: string, after: number, limit: number): Reading {
    const { epoch } = this.#state;
    const log = this.#logCalled(name);
    if (!log) {
      const { floor } = this.#state;
      return { epoch, frames: [], next: undefined, floor };
    }
    const sql = `SELECT ${MESSAGE} WHERE messages.log = ? AND seq > ?
      ORDER BY seq LIMIT ?`;
    const frames = this.#frames(sql, log.id, after, limit);
    return { epoch, frames, next: pageEnd(frames, limit), floor: log.floor };
  }

  tops(): Tops {
    const rows = this.#sql.all<{ name: string; top: number }>(
      "SELECT name, top FROM logs",
    );
    const { epoch, floor } = this.#state;
    return { epoch, tops: rows.map(({ name, top }) => [name, top]), floor };
  }

  #insert(draft: Draft, state: State, logs: Map<string, LogRow>): Frame {
    let log = logs.get(draft.log);
    if (!log) logs.set(draft.log, log = this.#logFor(draft.log, state));
    state.time = Math.max(draft.time, state.time + 0.001);
    const { epoch, time } = state;
    const frame = new Frame({ ...draft, epoch, seq: ++state.seq, time });
    this.#sql.run(
      "INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      frame.seq,
      log.id,
      frame.channel,
      time,
      frame.data,
      frame.from ?? null,
      frame.meta ?? null,
      frame.size,
    );
    if (draft.key !== undefined) {
      this.#sql.run(
        "INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?, ?)",
        draft.log,
        draft.key,
        frame.seq,
        time,
        digestOf(draft),
      );
    }
    log.top = frame.seq;
    log.frames++;
    log.bytes += frame.size;
    state.bytes += frame.size;
    return frame;
  }

  #repeated(
    draft: Draft,
    key: string,
    { epoch }: State,
  ): Position | PushError | undefined {
    const [known] = this.#sql.all<{ seq: number; digest: string }>(
      "SELECT seq, digest FROM keys WHERE log = ? AND key = ? AND time > ?",
      draft.log,
      key,
      draft.time - this.#keep.keyAge,
    );
    if (!known) return undefined;
    if (known.digest === digestOf(draft)) return { epoch, seq: known.seq };
    return keyReused();
  }

  #forgetKeys(state: State): void {
    this.#sql.run(
      `DELETE FROM keys WHERE time <= max(?, coalesce(
        (SELECT time FROM keys ORDER BY time DESC LIMIT 1 OFFSET ?), 0))`,
      state.time - this.#keep.keyAge,
      this.#keep.keys,
    );
  }

  #logCalled(name: string): LogRow | undefined {
    return this.#sql.all<LogRow>(
      "SELECT id, top, floor, frames, bytes FROM logs WHERE name = ?",
      name,
    )[0];
  }

  #logFor(name: string, { seq, floor }: State): LogRow {
    const known = this.#logCalled(name);
    if (known) return known;
    this.#sql.run(
      "INSERT INTO logs (name, top, floor, frames, bytes) VALUES (?, ?, ?, 0, 0)",
      name,
      seq,
      floor,
    );
    return this.#logCalled(name)!;
  }

  #saveLog({ id, top, floor, frames, bytes }: LogRow): void {
    this.#sql.run(
      "UPDATE logs SET top = ?, floor = ?, frames = ?, bytes = ? WHERE id = ?",
      top,
      floor,
      frames,
      bytes,
      id,
    );
  }

  #saveState({ seq, time, floor, bytes }: State): void {
    this.#sql.run(
      "UPDATE state SET seq = ?, time = ?, floor = ?, bytes = ?",
      seq,
      time,
      floor,
      bytes,
    );
  }

  #load(): State {
    const [state] = this.#sql.all<State>(
      "SELECT epoch, seq, time, floor, bytes FROM state",
    );
    return { ...state! };
  }

  /** Back to what the file says, whether or not SQLite has ended it itself. */
  #undo(): void {
    try {
      this.#sql.exec("ROLLBACK");
    } catch { /* It has: then there is nothing to roll back. */ }
    try {
      this.#state = this.#load();
    } catch { /* It cannot be read: it is as it was. */ }
  }

  #frames(sql: string, ...values: (string | number)[]): Frame[] {
    const { epoch } = this.#state;
    return this.#sql.all<MessageRow>(sql, ...values).map((row) => {
      const { sender, meta, ...rest } = row;
      return new Frame({
        ...rest,
        epoch,
        from: sender ?? undefined,
        meta: meta ?? undefined,
      });
    });
  }
}
