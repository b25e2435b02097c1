/** One line of JSON per event. */
import { assertEquals } from "@std/assert";
import { jsonLogger, type Level } from "../../src/operate/logger.ts";
import { test } from "../harness.ts";

test("jsonLogger() writes a line of JSON with the time first, whatever is in it", () => {
  const lines: string[] = [];
  const log = jsonLogger("info", (line) => lines.push(line));
  log({ level: "info", event: "a\nb", time: 0, subject: undefined, n: 1 });
  assertEquals(lines, [
    '{"time":"1970-01-01T00:00:00.000Z","level":"info","event":"a\\nb","n":1}',
  ]);
});

test("jsonLogger() leaves out what matters less than its level", () => {
  const all: Level[] = ["debug", "info", "warn", "error"];
  for (const [n, level] of all.entries()) {
    const lines: string[] = [];
    const log = jsonLogger(level, (line) => lines.push(line));
    for (const level of all) log({ level, event: "e", time: 0 });
    assertEquals(lines.map((line) => JSON.parse(line).level), all.slice(n));
  }
});
