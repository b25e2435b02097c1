/** The bench of backplanes, small, and the one of several processes. */
import { assert, assertEquals } from "@std/assert";
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import { kinds } from "../../bench/backplanes/kinds.ts";
import { isClean, type Result } from "../../bench/result.ts";
import { processesFor } from "../../bench/subjects/many.ts";
import { runtime, test } from "../harness.ts";
import { testWith } from "../services.ts";

const testRedis = testWith("redis-server");
const testBoth = testWith("nats-server") === test ? testRedis : () => {};

/** Runs a program of the bench; what it wrote as JSON. */
async function run(file: string, ...args: string[]): Promise<unknown> {
  const folder = mkdtempSync(`${tmpdir()}/bench-test-`);
  try {
    const path = new URL(`../../bench/${file}`, import.meta.url).pathname;
    const own = runtime === "deno" ? ["run", "-A", path] : [path];
    const all = [...own, "--repeat", "1", "--runtime", runtime, ...args];
    const child = spawn(process.execPath, [...all, "--out", folder]);
    let output = "";
    child.stdout.on("data", (bytes) => output += bytes);
    child.stderr.on("data", (bytes) => output += bytes);
    const code = await new Promise((resolve) => child.once("close", resolve));
    assertEquals(code, 0, output);
    const name = readdirSync(folder).find((name) => name.endsWith(".json"));
    return JSON.parse(readFileSync(`${folder}/${name}`, "utf8"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

testBoth(
  "every backplane that a runtime has is measured, with all its deliveries",
  async () => {
    const { rows } = await run("backplanes.ts", "--quick") as {
      rows: { kind: string; rounds: Record<string, number>[] }[];
    };
    const expected = kinds.filter(({ denoOnly }) =>
      !denoOnly || runtime === "deno"
    );
    assertEquals(
      rows.map(({ kind }) => kind),
      expected.map(({ name }) => name),
    );
    for (const [i, { kind, rounds: [found] }] of rows.entries()) {
      assert(found!.publishP50! > 0 && found!.lastP50! > 0, kind);
      // Others hear it where there can be others.
      assertEquals("otherP50" in found!, expected[i]!.shared, kind);
    }
  },
);

testRedis(
  "processes that share a port bring everything to everybody, once",
  async () => {
    const args = ["--subject", "many", "--scenario", "fanout", "--settle", "0"];
    const small = ["--connections", "60", "--seconds", "1", "--warm-up", "0.5"];
    const { cells } = await run("main.ts", ...args, ...small) as Result;
    const [{ accounts }] = cells[0]!.rounds as [
      Result["cells"][0]["rounds"][0],
    ];
    assert(isClean(accounts!), JSON.stringify(accounts));
    assertEquals(accounts!.received, 60 * 3);
  },
);

test("there are as many processes as descriptors take, with room for chance", () => {
  assertEquals(processesFor(10, 20_000), 2);
  assertEquals(processesFor(38_400, 20_000), 2);
  assertEquals(processesFor(38_401, 20_000), 3);
  assertEquals(processesFor(95_000, 20_000), 5);
});
