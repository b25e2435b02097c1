/** What a run of the whole suite shows at its end. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { failuresIn } from "./failures.ts";
import { runtime, test } from "./harness.ts";

/** What this runtime prints of tests of which the second ends with `body`. */
function output(body: string): string {
  const folder = mkdtempSync(`${tmpdir()}/halley-`);
  const tests = `import { test } from "node:test";
    test("one holds", () => console.log("said by the first".toUpperCase()));
    test("one ends so", () => { ${body} });
    test("another holds", () => {});`;
  writeFileSync(`${folder}/sample_test.ts`, tests);
  const args = ["test", ...runtime === "deno" ? ["--no-check"] : []];
  const run = spawnSync(process.execPath, [...args, "sample_test.ts"], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
  });
  rmSync(folder, { recursive: true });
  return run.stdout + run.stderr;
}

test("of a run are shown the tests that failed and why, and no others", () => {
  const printed = output(`throw new Error("the reason");`);
  assertMatch(printed, /SAID BY THE FIRST[^]*another holds/);
  const shown = failuresIn(printed);
  assertMatch(shown, /one ends so/);
  assertMatch(shown, /the reason/);
  assert(!/another holds|SAID BY THE FIRST/.test(shown), shown);
});

test("of a run in which none failed nothing is shown", () => {
  assertEquals(failuresIn(output("")), "");
});
