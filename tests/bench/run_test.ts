/**
 * The bench as people run it, small: it checks that everything works, not how
 * fast anything is.
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
} from "@std/assert";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import process from "node:process";
import {
  type Cell,
  isClean,
  type Result,
  type Round,
} from "../../bench/result.ts";
import { scenarios } from "../../bench/scenarios.ts";
import { runtime, test } from "../harness.ts";
import { standalone } from "../http/child.ts";

const MAIN = new URL("../../bench/main.ts", import.meta.url).pathname;
const SMALL = [
  ...["--connections", "30", "--seconds", "0.5", "--warm-up", "0.1"],
  ...["--repeat", "1"],
];

class Bench {
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
  output = "";
  errors = "";

  constructor(args: string[]) {
    const own = runtime === "deno" ? ["run", "-A", MAIN] : [MAIN];
    this.child = spawn(process.execPath, [...own, ...args]);
    this.child.stdout!.on("data", (bytes) => this.output += bytes);
    this.child.stderr!.on("data", (bytes) => this.errors += bytes);
    this.exit = new Promise((resolve) => this.child.once("close", resolve));
  }

  async whole(): Promise<string> {
    const code = await this.exit;
    assertEquals(code, 0, this.output + this.errors);
    return this.output;
  }
}

async function inFolder(body: (folder: string) => Promise<void>) {
  const folder = mkdtempSync(`${tmpdir()}/bench-test-`);
  try {
    await body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function written(folder: string, kind: string): string {
  const [name] = readdirSync(folder).filter((name) => name.endsWith(kind));
  return `${folder}/${name}`;
}

function labelOf({ scenario, transport, subject }: Cell): string {
  return `${scenario} ${transport} ${subject}`;
}

test("the bench runs its scenarios, and writes what it found", () =>
  inFolder(async (folder) => {
    const common = [
      ...["--transport", "sse", "--runtime", runtime, "--settle", "0"],
      ...["--out", folder, "--rate", "40", "--bytes", "200", ...SMALL],
    ];
    // All of them once: what runs them is the same under either runtime.
    const chosen = runtime === "deno"
      ? scenarios.map(({ name }) => name)
      : ["park", "fanout", "direct"];
    const all = ["--scenario", `${chosen}`, "--subject", "halley"];
    const text = await new Bench([...all, ...common]).whole();
    const path = written(folder, ".json");
    const { cells } = JSON.parse(readFileSync(path, "utf8")) as Result;
    assertEquals(
      cells.map(labelOf),
      chosen.map((name) => `${name} sse halley`),
    );
    for (const cell of cells) {
      const [round] = cell.rounds;
      assert(round, `${labelOf(cell)}: ${cell.failure}`);
      const { accounts } = round;
      const what = `${labelOf(cell)}: ${JSON.stringify(accounts)}`;
      if (accounts) assert(isClean(accounts), what);
      else assert(round.memory!.length > 2 && round.metrics.memory! > 0);
      assertMatch(text, new RegExp(`${cell.scenario} \\(sse\\): 30 connec`));
    }
    const page = readFileSync(written(folder, ".html"), "utf8");
    assertEquals(page.split("<section>").length, chosen.length + 1);
    assertEquals(
      /<script|<link|src=|url\(|.{0,80}NaN|undefined/.exec(page),
      null,
    );
    // A run compared with itself shows no change.
    const compared = await new Bench(["compare", path, path]).whole();
    assertMatch(compared, /fanout sse, Halley on \w+ +CPU\/delivery.*\+0\.0 %/);
    const table = await new Bench(["table", path]).whole();
    assertMatch(table, /^\| +\| parked, kB each \|/);
    assertMatch(table, /^\| Halley, \w+ \| [0-9.]+ \|/m);
  }));

test("the bench measures long-polls and lines as well", () =>
  inFolder(async (folder) => {
    const bench = new Bench([
      ...["--scenario", "rooms,resume", "--subject", "raw,halley"],
      ...["--transport", "stream,poll", "--runtime", runtime],
      ...["--settle", "0", "--out", folder, ...SMALL],
    ]);
    await bench.whole();
    const path = written(folder, ".json");
    const { cells } = JSON.parse(readFileSync(path, "utf8")) as Result;
    // What the baseline forgets it cannot bring to those who come back.
    assertEquals(cells.map(labelOf), [
      ...["rooms stream raw", "rooms stream halley"],
      ...["rooms poll raw", "rooms poll halley"],
      ...["resume stream halley", "resume poll halley"],
    ]);
    for (const cell of cells) {
      const accounts = cell.rounds[0]?.accounts;
      assert(accounts && isClean(accounts), labelOf(cell));
    }
  }));

test("the bench measures a server that runs already, and finds its process", () =>
  inFolder(async (folder) => {
    await using server = await standalone();
    const { origin } = new URL(server.url);
    const bench = new Bench([
      ...["--target", `${server.url}?{query}`],
      ...["--publish", `${server.url}/{channel}`],
      ...["--health", `${origin}/healthz`, "--scenario", "fanout"],
      ...["--rate", "40"],
      ...["--settle", "0", "--out", folder, ...SMALL],
    ]);
    await bench.whole();
    const path = written(folder, ".json");
    const { cells: [cell] } = JSON.parse(readFileSync(path, "utf8")) as Result;
    const [{ accounts, metrics }] = cell!.rounds as [Round];
    assert(isClean(accounts!), JSON.stringify(accounts));
    assertEquals([accounts!.lost, metrics.rssPeak! > 1e6], [0, true]);
    assert(metrics.serverCpu !== undefined, JSON.stringify(metrics));
    assert(metrics.othersP50! > 0, JSON.stringify(metrics));
  }));

test("the bench prints what there is when it is interrupted, and leaves nobody behind", () =>
  inFolder(async (folder) => {
    const bench = new Bench([
      ...["--scenario", "fanout,park", "--subject", "halley"],
      ...["--runtime", runtime, "--settle", "0", "--out", folder],
      ...["--connections", "20", "--seconds", "0.5", "--repeat", "50"],
    ]);
    // Two rounds are over, and the third has begun.
    await new Promise<void>((resolve) => {
      bench.child.stderr!.on("data", () => {
        if (/^2\/100 /m.test(bench.errors)) resolve();
      });
    });
    const children = childrenOf(bench.child.pid!);
    bench.child.kill("SIGINT");
    // 130, or the signal itself.
    assertNotEquals(await bench.exit, 0);
    assertMatch(bench.output, /^fanout \(sse\): 20 connections/m);
    assert(readdirSync(folder).length === 2);
    for (const pid of children) assert(!isAlive(pid), `${pid} is still there`);
  }));

test("the bench refuses what it does not know, and says what there is", async () => {
  for (
    const [args, message] of [
      [
        ["--scenario", "nothing"],
        /no scenario nothing: park, fanout, .* or all/,
      ],
      [["--connections", "-5"], /--connections/],
      [["--target", "http://127.0.0.1:1/"], /--target takes --publish/],
      [["dance"], /no task dance/],
      [["size", "--memory", "many"], /--memory is "many"/],
      [["size", "--scenario", "park"], /takes a --scenario that publishes/],
      [["size", "--subject", "raw,halley"], /takes one --subject/],
    ] as const
  ) {
    const bench = new Bench([...args]);
    assertEquals(await bench.exit, 2, bench.errors);
    assertMatch(bench.errors, message);
  }
});

function childrenOf(pid: number): number[] {
  const path = `/proc/${pid}/task/${pid}/children`;
  return readFileSync(path, "utf8").trim().split(" ").filter(Boolean)
    .map(Number);
}

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
