/**
 * What a connection and a delivery cost, divided by what they cost the runtime's
 * own server without any library, under the same clients in the same run.
 *
 * Every measurement is a fresh server process and two processes of bare sockets,
 * on loopback. Memory is the server's VmRSS after its garbage is collected: before
 * (20 connections have come and gone), with all parked, after all have left (no
 * runtime gives everything back), and parked again: a leak is what that is more.
 * CPU is its utime + stime over everything published, which it publishes itself;
 * every delivery is counted, connection by connection, and a wrong count is an
 * error. Rounds alternate; the table has the median, and the least and the most.
 *
 *     deno task cost [--repeat 3] [--runtime bun,deno] [--scenario memory,spaced,burst]
 *                    [--parked 10000] [--burst 1000] [--also NAME=ROOT]...
 *
 * `--also` measures another copy of the repository beside this one.
 * @module
 */
import { parseArgs } from "node:util";
import { Bench, type Costs, scenarios } from "./scenarios.ts";

const { values: options } = parseArgs({
  args: Deno.args,
  options: {
    repeat: { type: "string", default: "3" },
    runtime: { type: "string", default: "bun,deno" },
    scenario: { type: "string", default: "memory,spaced,burst" },
    parked: { type: "string", default: "10000" },
    burst: { type: "string", default: "1000" },
    also: { type: "string", multiple: true, default: [] },
  },
});

const RUNTIMES: Record<string, string[]> = {
  bun: ["bun"],
  deno: [Deno.execPath(), "run", "-A", "--v8-flags=--expose-gc"],
};
const TITLES: Record<string, string> = {
  before: "before, MB",
  parked: `parked, bytes each of ${options.parked}`,
  left: "after all have left, bytes each",
  again: "parked a second time, bytes each",
  spaced: `spaced publishes to ${options.parked}, µs each`,
  burst: `bursts of 20 to ${options.burst}, µs each`,
};

const here = new URL("./", import.meta.url).pathname;
const root = new URL("../", import.meta.url).pathname;
const subjects = new Map([
  ["raw", ["raw"]],
  ["Halley", ["halley", root]],
  ...options.also.map((also): [string, string[]] => {
    const [name = "", path = ""] = also.split("=");
    return [name, ["halley", path.replace(/\/*$/, "/")]];
  }),
]);

/** Costs by runtime, subject and name, one number a round. */
const found: Record<string, Record<string, Record<string, number[]>>> = {};

function note(runtime: string, subject: string, costs: Costs): void {
  for (const [name, cost] of Object.entries(costs)) {
    const bySubject = (found[runtime] ??= {})[name] ??= {};
    (bySubject[subject] ??= []).push(cost);
    console.error(`${runtime} ${subject} ${name} ${format(cost)}`);
  }
}

const generator = [Deno.execPath(), "run", "-A", `${here}generator.ts`];
const chosen = options.scenario.split(",");
const runtimes = options.runtime.split(",");
for (let round = 0; round < Number(options.repeat); round++) {
  for (const runtime of runtimes) {
    for (const scenario of chosen) {
      // Each round begins with another subject, so that none is always first.
      const order = [...subjects];
      order.push(...order.splice(0, round % order.length));
      for (const [subject, args] of order) {
        const command = [...RUNTIMES[runtime]!, `${here}server.ts`, ...args];
        note(runtime, subject, await measure(scenario, command));
      }
    }
  }
}
print();

async function measure(scenario: string, server: string[]): Promise<Costs> {
  const number = scenario === "burst" ? options.burst : options.parked;
  const bench = await Bench.start(server, generator);
  try {
    return await scenarios[scenario]!(bench, Number(number));
  } finally {
    await bench.end();
  }
}

function print(): void {
  const others = [...subjects.keys()].slice(1);
  const head = others.flatMap((name) => [name, "ratio"]);
  const rows = [["scenario", "runtime", "raw", ...head]];
  for (const [runtime, costs] of Object.entries(found)) {
    for (const [name, bySubject] of Object.entries(costs)) {
      const raw = bySubject.raw!;
      const cells = others.flatMap((other) => {
        const own = bySubject[other]!;
        return [summary(own), (median(own) / median(raw)).toFixed(2)];
      });
      rows.push([TITLES[name] ?? name, runtime, summary(raw), ...cells]);
    }
  }
  const widths = rows[0]!.map((_, i) =>
    Math.max(...rows.map((row) => row[i]!.length))
  );
  console.log(machine());
  for (const row of rows) {
    console.log(row.map((cell, i) => cell.padEnd(widths[i]!)).join("  "));
  }
}

function summary(numbers: number[]): string {
  const [least, most] = [Math.min(...numbers), Math.max(...numbers)];
  return `${format(median(numbers))} (${format(least)}-${format(most)})`;
}

function median(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function format(number: number): string {
  return number >= 100 ? number.toFixed(0) : number.toFixed(2);
}

function machine(): string {
  const cpu = /^model name\s*: (.*)$/m.exec(
    Deno.readTextFileSync("/proc/cpuinfo"),
  )?.[1];
  const memory = (Deno.systemMemoryInfo().total / 2 ** 30).toFixed(0);
  const versions = runtimes.map((name) => {
    const command = new Deno.Command(RUNTIMES[name]![0]!, {
      args: ["--version"],
    });
    const text = new TextDecoder().decode(command.outputSync().stdout);
    return `${name} ${/[0-9.]+/.exec(text)?.[0]}`;
  });
  return `${cpu}, ${navigator.hardwareConcurrency} cores, ${memory} GiB; ${
    versions.join(", ")
  }; ${options.repeat} rounds: median (least-most)`;
}
