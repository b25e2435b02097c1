/**
 * What can be said on the command line.
 * @module
 */
import { parseArgs } from "node:util";
import type { Plan } from "./plan.ts";
import { descriptorLimit } from "./proc.ts";
import { type Scenario, scenarios } from "./scenarios.ts";
import {
  halleyAt,
  type Subject,
  subjects,
  type Transport,
} from "./subjects/table.ts";
import { target } from "./subjects/target.ts";
import type { Runtime } from "./runtimes.ts";
import type { Limits } from "./size.ts";

/** A fault in what was asked for. */
export class UsageError extends Error {}

/** How it is used. */
export const USAGE = `Measures push servers. Linux only; reads /proc.

  bench [options]                 runs scenarios, prints a table, and writes
                                  a JSON file and an HTML page
  bench size [limits] [options]   how many connections fit, tried out
  bench compare A.json B.json     what changed, and whether it is more than noise
  bench report FILE.json          writes the HTML page of a run again
  bench table FILE.json           prints the README's table of a run

what to measure
  --scenario NAME,…    ${scenarios.map(({ name }) => name).join(", ")} or all
                       (default park,fanout,burst)
  --transport NAME,…   sse, stream, poll (default sse)
  --runtime NAME,…     bun, deno (default both); programs that run on neither
                       are measured all the same
  --subject NAME,…     ${subjects.map(({ name }) => name).join(", ")} or all
                       (default raw,halley)
  --also NAME=FOLDER   another copy of this repository, beside this one
  --target URL --publish URL
                       a server that runs on this machine; {channel} in a URL
                       stands for the channel, {query} for channel=A&channel=B
  --health URL         what it answers at once (default: nothing)

how
  --repeat N           rounds; the table has medians (default 3)
  --connections N --rate N --burst N --seconds N --bytes N
                       instead of what the scenario has
  --heartbeat SECONDS  of a silent connection (default 10)
  --warm-up SECONDS    of publishing before it is measured
  --settle MS          a server's rest before its garbage is collected and its
                       memory read (default 1500; 0 reads it as it is)
  --out FOLDER         where the files go (default bench/results)

limits of \`size\`, which measures one program, on the runtime it runs on itself
                       unless --runtime names the other
  --memory 2GB         of the server's process
  --cpu 80%            of one core (default 80%; none with --target)
  --rate 5/s           messages to everybody (default 1/s)
  --p99 250ms          latency
  --descriptors N      (default: this machine's)`;

const text = { type: "string" } as const;

/** The raw words of the command line. */
export function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        scenario: text,
        transport: text,
        runtime: text,
        subject: text,
        also: { type: "string", multiple: true },
        target: text,
        publish: text,
        health: text,
        repeat: text,
        connections: text,
        rate: text,
        burst: text,
        seconds: text,
        bytes: text,
        heartbeat: text,
        "warm-up": text,
        settle: text,
        out: text,
        memory: text,
        cpu: text,
        p99: text,
        descriptors: text,
        handicap: text,
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** The words by name. */
export type Words = ReturnType<typeof parse>["values"];

/** Some of a table, by their names. */
function some<T extends { name: string }>(
  what: string,
  table: readonly T[],
  words: string,
): T[] {
  if (words === "all") return [...table];
  return words.split(",").map((word) => {
    const found = table.find(({ name }) => name === word.trim());
    if (found) return found;
    const names = table.map(({ name }) => name).join(", ");
    throw new UsageError(`There is no ${what} ${word}: ${names} or all.`);
  });
}

/** The scenarios asked for. */
export function scenariosOf({ scenario }: Words): Scenario[] {
  return some("scenario", scenarios, scenario ?? "park,fanout,burst");
}

/** The programs asked for. */
export function subjectsOf(words: Words): Subject[] {
  const { subject, also = [], target: url, publish, health } = words;
  if (url !== undefined) {
    if (publish === undefined) {
      throw new UsageError("--target takes --publish as well.");
    }
    return [target(url, publish, health)];
  }
  const found = some("subject", subjects, subject ?? "raw,halley");
  for (const one of also) {
    const [name = "", folder = ""] = one.split("=");
    if (folder === "") throw new UsageError("--also takes NAME=FOLDER.");
    found.push(halleyAt(name, folder.replace(/\/*$/, "/")));
  }
  return found;
}

/** The transports asked for. */
export function transportsOf({ transport }: Words): Transport[] {
  const table = (["sse", "stream", "poll"] as const).map((name) => ({ name }));
  return some("transport", table, transport ?? "sse").map(({ name }) => name);
}

/** The runtimes asked for; what runs on neither is always among them. */
export function runtimesOf({ runtime }: Words): Runtime[] {
  const table = (["bun", "deno"] as const).map((name) => ({ name }));
  const found = some("runtime", table, runtime ?? "bun,deno");
  return [...found.map(({ name }) => name), "node", "native"];
}

/** What of a plan was asked to be different. */
export function changesOf(words: Words): Partial<Plan> {
  const names = ["connections", "rate", "burst", "seconds", "bytes"] as const;
  const found: Record<string, number> = {};
  for (const name of names) {
    const value = words[name];
    if (value !== undefined) found[name] = amount(name, value, /^\/s$|^$/);
  }
  const warmUp = words["warm-up"];
  if (warmUp !== undefined) found.warmUp = amount("warm-up", warmUp);
  return found;
}

/** The limits that `size` goes by. */
export function limitsOf(words: Words): Limits {
  const { memory, cpu, p99, descriptors, target } = words;
  const given = (name: string, word: string | undefined, units: RegExp) =>
    word === undefined ? Infinity : amount(name, word, units);
  return {
    memory: given("memory", memory, /^(kB|[MG]i?B)$/),
    cpu: given("cpu", cpu ?? (target ? undefined : "80%"), /^%$/),
    p99: given("p99", p99, /^m?s$/),
    descriptors: descriptors === undefined
      ? descriptorLimit()
      : amount("descriptors", descriptors),
  };
}

/** A number with a unit: `2GB`, `5/s`, `250ms`, `80%`. */
export function amount(name: string, word: string, units = /^$/): number {
  const found = /^([0-9]+(?:\.[0-9]+)?)(.*)$/.exec(word.trim());
  const unit = found?.[2]?.trim() ?? "";
  const value = Number(found?.[1]);
  if (!found || !units.test(unit) || !(value > 0 || name === "settle")) {
    throw new UsageError(`--${name} is ${JSON.stringify(word)}.`);
  }
  const scale = {
    kB: 1e3,
    MB: 1e6,
    GB: 1e9,
    GiB: 2 ** 30,
    MiB: 2 ** 20,
    s: 1e3,
  };
  return value * (scale[unit as keyof typeof scale] ?? 1);
}
