/**
 * The file of the `sqlite()` backplane: who may have it open, what it must be, and
 * its tables. Opening it makes it, or says what is wrong and what to do.
 * @module
 */
import {
  type DatabaseSync,
  fsModule,
  sqliteModule,
  type StatementSync,
} from "../deps.ts";
import { newEpoch } from "../key.ts";

/** "Hlly": says that a database is one of ours. */
const APPLICATION = 0x486c6c79;
/** The form of the tables. */
const VERSION = 1;

const TABLES = `
CREATE TABLE state (
  epoch TEXT NOT NULL, seq INTEGER NOT NULL, time REAL NOT NULL,
  floor INTEGER NOT NULL, bytes INTEGER NOT NULL
) STRICT;
CREATE TABLE logs (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, top INTEGER NOT NULL,
  floor INTEGER NOT NULL, frames INTEGER NOT NULL, bytes INTEGER NOT NULL
) STRICT;
CREATE INDEX empty_logs ON logs (id) WHERE frames = 0;
CREATE TABLE messages (
  seq INTEGER PRIMARY KEY, log INTEGER NOT NULL, channel TEXT NOT NULL,
  time REAL NOT NULL, data TEXT NOT NULL, sender TEXT, meta TEXT,
  size INTEGER NOT NULL
) STRICT;
CREATE INDEX messages_of_log ON messages (log, seq);
CREATE TABLE keys (
  log TEXT NOT NULL, key TEXT NOT NULL, seq INTEGER NOT NULL,
  time REAL NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (log, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_by_time ON keys (time);
`;

/** An open file: statements are prepared once, by their text. */
export class Sql {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** Every row of an answer. */
  all<Row>(sql: string, ...values: (string | number | null)[]): Row[] {
    return this.#prepared(sql).all(...values) as Row[];
  }

  /** A change. */
  run(sql: string, ...values: (string | number | null)[]): void {
    this.#prepared(sql).run(...values);
  }

  exec(sql: string): void {
    this.#db.exec(sql);
  }

  close(): void {
    this.#db.close();
  }

  #prepared(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      this.#statements.set(sql, statement = this.#db.prepare(sql));
    }
    return statement;
  }
}

/** Opens the file, makes it if need be; throws an `Error` that says what to do. */
export function openFile(path: string): Sql {
  const module = sqliteModule();
  if (!module) {
    throw new Error(
      "sqlite() needs node:sqlite, which Deno 2.9 and Bun 1.4 have and this " +
        "runtime lacks.",
    );
  }
  let db: DatabaseSync | undefined;
  try {
    makeFolder(path);
    db = new module.DatabaseSync(path);
    prepare(db, path);
    return new Sql(db);
  } catch (error) {
    db?.close();
    throw explained(path, error);
  }
}

function makeFolder(path: string): void {
  const folder = /^(.+)[/\\][^/\\]*$/.exec(path)?.[1];
  const fs = fsModule();
  if (folder === undefined || !fs || fs.existsSync(folder)) return;
  fs.mkdirSync(folder, { recursive: true });
}

function prepare(db: DatabaseSync, path: string): void {
  // The lock is taken by whatever comes first, and kept until it is closed.
  db.exec("PRAGMA locking_mode = EXCLUSIVE");
  const application = number(db, "PRAGMA application_id");
  const tables = number(db, "SELECT count(*) FROM sqlite_schema");
  const made = application === APPLICATION;
  if (!made && (application !== 0 || tables > 0)) {
    throw new Error(
      `${path} belongs to another program (application_id ${application}, ` +
        `${tables} tables): name another file.`,
    );
  }
  const version = number(db, "PRAGMA user_version");
  if (made && version !== VERSION) {
    throw new Error(
      `${path} is of version ${version}, and this Halley reads ${VERSION}: ` +
        "use the one that wrote it, or name another file.",
    );
  }
  db.exec("PRAGMA auto_vacuum = INCREMENTAL");
  const mode = text(db, "PRAGMA journal_mode = WAL");
  if (mode !== "wal") {
    throw new Error(`${path} cannot have a write-ahead log there (${mode}).`);
  }
  db.exec("PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216");
  if (made) return check(db);
  db.exec(
    `BEGIN IMMEDIATE; ${TABLES}
    INSERT INTO state VALUES ('${newEpoch()}', 0, 0, 0, 0);
    PRAGMA application_id = ${APPLICATION}; PRAGMA user_version = ${VERSION};
    COMMIT`,
  );
}

function check(db: DatabaseSync): void {
  const found = text(db, "PRAGMA quick_check(1)");
  if (found !== "ok") throw new Error(`malformed: ${found}`);
  const beyond = number(
    db,
    "SELECT count(*) FROM messages WHERE seq > (SELECT seq FROM state)",
  );
  if (beyond > 0) throw new Error(`malformed: ${beyond} messages lie beyond`);
}

/** The first column of the only row. */
function text(db: DatabaseSync, sql: string): unknown {
  return Object.values(db.prepare(sql).get() ?? {})[0];
}

function number(db: DatabaseSync, sql: string): number {
  return Number(text(db, sql));
}

/** SQLite's errors in the words of whoever has to do something about them. */
function explained(path: string, cause: unknown): unknown {
  const { message } = cause as Error;
  if (/locked|busy/i.test(message)) {
    return new Error(
      `${path} is open in another process, and only one may have it. Stop ` +
        "that one, or give all servers a backplane that they share.",
      { cause },
    );
  }
  if (/not a database|malformed|no such (table|column)/i.test(message)) {
    return new Error(
      `${path} is damaged, or no file of Halley's (${message}). Move it away ` +
        "with what begins like it; then a new order begins, and clients are " +
        "told by a reset.",
      { cause },
    );
  }
  if (/unable to open|ENOENT|EACCES|ENOTDIR|EEXIST/i.test(message)) {
    return new Error(
      `${path} cannot be opened or made (${message}). It has to be a file in ` +
        "a folder that this process may write to.",
      { cause },
    );
  }
  return cause;
}
