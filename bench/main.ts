/**
 * The bench: how many parked connections a machine carries, what one costs, and
 * how long after a publish the last of them has the message.
 *
 *     deno task bench        bun run bench        (--help says what else)
 *
 * How it measures is said in `method.ts`, which every report begins with; what it
 * measures in the tables of `scenarios.ts` and `subjects/table.ts`.
 * @module
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { endAll } from "./child.ts";
import { compare } from "./compare.ts";
import {
  amount,
  changesOf,
  parse,
  runtimesOf,
  scenariosOf,
} from "./options.ts";
import {
  limitsOf,
  subjectsOf,
  transportsOf,
  USAGE,
  UsageError,
} from "./options.ts";
import type { Words } from "./options.ts";
import { machine } from "./proc.ts";
import { Progress } from "./progress.ts";
import { page } from "./report/page.ts";
import { markdown, plain } from "./report/text.ts";
import { FORM, type Result } from "./result.ts";
import { type Course, type Job, jobs, run } from "./run.ts";
import { loadRuntime, ownRuntime } from "./runtimes.ts";
import { size, SIZES, UnknownError } from "./size.ts";
import { versions } from "./versions.ts";

const interrupted = new AbortController();
process.on("SIGINT", () => {
  // The second time nothing is waited for.
  if (interrupted.signal.aborted) process.exit(130);
  interrupted.abort();
  endAll();
});
process.on("exit", endAll);

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const told = error instanceof UsageError || error instanceof UnknownError;
  if (!told) throw error;
  console.error(`bench: ${error.message} --help says what there is.`);
  process.exitCode = 2;
}
process.exit();

async function main(args: string[]): Promise<number> {
  const { values: words, positionals: [task = "run", ...files] } = parse(args);
  if (words.help) return say(USAGE);
  if (task === "run") return await measureAll(words);
  if (task === "size") return await sizeOf(words);
  if (task === "compare") return say(compare(read(files[0]), read(files[1])));
  if (task === "report") return write(read(files[0]), words.out) ?? 0;
  if (task === "table") return say(markdown(read(files[0])));
  throw new UsageError(`There is no task ${task}.`);
}

/** How every round is measured. */
function courseOf(words: Words, repeat: number): Course {
  const { heartbeat, handicap, settle } = words;
  return {
    repeat,
    ...(settle !== undefined && { settle: amount("settle", settle) }),
    heartbeat: amount("heartbeat", heartbeat ?? "10") * 1_000,
    handicap: handicap === undefined ? 0 : amount("handicap", handicap),
    signal: interrupted.signal,
  };
}

async function measureAll(words: Words): Promise<number> {
  const todo = jobs(
    scenariosOf(words),
    transportsOf(words),
    runtimesOf(words),
    subjectsOf(words),
    changesOf(words),
  );
  if (todo.length === 0) throw new UsageError("Nothing of that is here.");
  const course = courseOf(words, amount("repeat", words.repeat ?? "3"));
  const progress = new Progress(todo, course.repeat);
  const cells = await run(todo, course, progress);
  progress.stop();
  return finish({ ...heading(todo), cells }, words);
}

async function sizeOf(words: Words): Promise<number> {
  const runtime = ownRuntime;
  const chosen = { subject: "halley", scenario: "fanout", runtime, ...words };
  const limits = limitsOf(words);
  const changes = { rate: 1, ...changesOf(words) };
  const found = jobs(
    scenariosOf(chosen),
    transportsOf(chosen),
    runtimesOf(chosen),
    subjectsOf(chosen),
    changes,
  );
  const [job, ...others] = found;
  if (!job) throw new UsageError("Nothing of that is here.");
  if (others.length > 0) {
    throw new UsageError("size takes one --subject, --runtime, --transport.");
  }
  if (job.scenario.name === "park") {
    throw new UsageError("size takes a --scenario that publishes.");
  }
  const course = courseOf(words, amount("repeat", words.repeat ?? "3"));
  const progress = new Progress(new Array(SIZES).fill(job), course.repeat);
  const { cells, sizing } = await size(job, limits, course, progress)
    .finally(() => progress.stop());
  return finish(
    { ...heading([job]), cells, ...(sizing && { size: sizing }) },
    words,
  );
}

/** Shows what there is, and keeps it. */
function finish(result: Result, words: Words): number {
  say(plain(result));
  write(result, words.out);
  if (interrupted.signal.aborted) return 130;
  return result.cells.some(({ failure }) => failure !== undefined) ? 1 : 0;
}

function heading(todo: readonly Job[]): Omit<Result, "cells"> {
  return {
    form: FORM,
    when: new Date().toISOString(),
    machine: machine(),
    versions: versions([...new Set(todo.map(({ subject }) => subject))]),
    load: loadRuntime(),
    command: ["bench", ...process.argv.slice(2)].join(" "),
  };
}

function write(result: Result, out?: string): void {
  if (result.cells.length === 0) return;
  const folder = out ?? new URL("./results/", import.meta.url).pathname;
  mkdirSync(folder, { recursive: true });
  const name = result.when.slice(0, 19).replaceAll(":", "-");
  const path = `${folder.replace(/\/*$/, "")}/${name}`;
  writeFileSync(`${path}.json`, JSON.stringify(result));
  writeFileSync(`${path}.html`, page(result));
  console.error(`\n${path}.json\n${path}.html`);
}

function read(path: string | undefined): Result {
  if (path === undefined) {
    throw new UsageError("It takes a JSON file of a run.");
  }
  const result = JSON.parse(readFileSync(path, "utf8")) as Result;
  if (result.form !== FORM) throw new UsageError(`${path} is no run of ours.`);
  return result;
}

function say(text: string): number {
  console.log(text);
  return 0;
}
