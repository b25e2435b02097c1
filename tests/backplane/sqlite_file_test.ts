/** The file of the SQLite backplane: what it must be, and who may have it. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { sqlite } from "../../src/backplane/sqlite.ts";
import { sqliteModule } from "../../src/deps.ts";
import { draft } from "../ear.ts";
import { startCommand, test } from "../harness.ts";
import { Child, standalone } from "../http/child.ts";
import { publish } from "../http/halley.ts";
import { Folder } from "./files.ts";

/** Why the file of `folder` cannot be opened. */
function fault(folder: Folder): string {
  const { message } = assertThrows(() => folder.open(), Error) as Error;
  assert(message.startsWith(folder.file()), message);
  return message;
}

/** Another program's database. */
function foreign(path: string, sql: string): void {
  const db = new (sqliteModule()!.DatabaseSync)(path);
  db.exec(sql);
  db.close();
}

/** Makes a file with some messages; how large it is. */
async function filled(folder: Folder, count = 200): Promise<number> {
  const backplane = folder.open();
  const data = JSON.stringify("x".repeat(1_000));
  await Promise.all(
    Array.from({ length: count }, () => backplane.publish(draft({ data }))),
  );
  await backplane.close();
  return statSync(folder.file()).size;
}

test("sqlite() makes the file and its folders, and leaves one file when closed", async () => {
  using folder = new Folder();
  const path = folder.file("a/b/halley.db");
  const backplane = sqlite({ path });
  await backplane.publish(draft());
  await backplane.close();
  assertEquals(existsSync(path), true);
  assertEquals(existsSync(`${path}-wal`), false);
});

test("sqlite() refuses a file that is open already, and takes it afterwards", async () => {
  using folder = new Folder();
  const first = folder.open();
  assert(fault(folder).includes("is open in another process"));
  const { seq } = await first.publish(draft());
  await first.close();
  const second = folder.open();
  assertEquals((await second.top()).seq, seq);
  await second.close();
});

test("a second stand-alone server on a file ends, and says what to do", async () => {
  using folder = new Folder();
  const env = { HALLEY_DATA: folder.file() };
  await using first = await standalone(env);
  await using second = new Child(startCommand(), { PORT: "0", ...env });
  assertEquals(await second.exit, 1, second.output);
  const advice = `halley: ${folder.file()} is open in another process, and ` +
    "only one may have it. Stop that one, or give all servers a backplane " +
    "that they share.\n";
  assertEquals(second.output, advice);
  assertEquals((await publish(`${first.url}/a`, 1)).status, 200);
});

test("sqlite() refuses what is no database, and does not touch it", () => {
  using folder = new Folder();
  const content = "This is a diary and no database. ".repeat(200);
  writeFileSync(folder.file(), content);
  assert(fault(folder).includes("no file of Halley's"));
  assertEquals(readFileSync(folder.file(), "utf8"), content);
});

test("sqlite() refuses another program's database, and does not touch it", () => {
  for (const sql of ["CREATE TABLE t (a)", "PRAGMA application_id = 7"]) {
    using folder = new Folder();
    foreign(folder.file(), sql);
    const content = readFileSync(folder.file());
    assert(fault(folder).includes("belongs to another program"));
    assertEquals(readFileSync(folder.file()).equals(content), true);
  }
});

test("sqlite() refuses a file of a later version", async () => {
  using folder = new Folder();
  await filled(folder);
  foreign(folder.file(), "PRAGMA user_version = 2");
  assert(fault(folder).includes("is of version 2, and this Halley reads 1"));
});

test("sqlite() refuses a file that was cut off, or written over in the middle", async () => {
  for (const part of ["end", "middle"]) {
    using folder = new Folder();
    const size = await filled(folder);
    if (part === "end") truncateSync(folder.file(), size / 2);
    else {
      const bytes = readFileSync(folder.file());
      writeFileSync(folder.file(), bytes.fill(0xa5, 8_192, 24_576));
    }
    const message = fault(folder);
    assert(/damaged/.test(message) && /Move it away/.test(message), message);
  }
});

test("sqlite() refuses a file whose messages lie beyond its order", async () => {
  using folder = new Folder();
  await filled(folder, 3);
  foreign(folder.file(), "UPDATE state SET seq = 2");
  assert(fault(folder).includes("1 messages lie beyond"));
});

test("sqlite() says where it cannot make a file", () => {
  using folder = new Folder();
  mkdirSync(folder.file());
  assert(fault(folder).includes("cannot be opened or made"));
  writeFileSync(folder.file("file"), "");
  const path = folder.file("file/halley.db");
  const { message } = assertThrows(() => sqlite({ path }), Error) as Error;
  assert(message.includes("cannot be opened or made"), message);
});

test("sqlite() refuses a place that keeps nothing", () => {
  const memory = () => sqlite({ path: ":memory:" });
  assertThrows(memory, Error, ":memory: cannot have a write-ahead log");
});

test("sqlite() names an option that is wrong", () => {
  using folder = new Folder();
  for (
    const [name, options] of [
      ["history.frames", { history: { frames: -1 } }],
      ["size", { size: NaN }],
      ["keyAge", { keyAge: -1 }],
      ["keys", { keys: NaN }],
    ] as const
  ) assertThrows(() => folder.open(options), RangeError, `${name} is `);
  assertEquals(existsSync(folder.file()), false);
});
