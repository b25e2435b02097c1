/**
 * Runs the whole suite under Deno and under Bun, and says how many tests passed and
 * failed in both. Each folder has a process of its own, of which three run at a time,
 * as much of it is waiting; what one prints is shown when it ends, and what failed is
 * shown once more at the end of all. Bun comes from PATH, or from npm where there is
 * none.
 * @module
 */
import { failuresIn } from "./failures.ts";

const root = new URL("../", import.meta.url).pathname;

/** How many processes run at a time. */
const AT_ONCE = 3;

/** What takes long begins first, so that all end at about the same time. */
const LONG = [
  "tests/browser under Deno",
  "tests/bench under Bun",
  "tests/runtimes under Deno",
  "tests under Deno",
  "tests/bench under Deno",
  "tests/cluster under Deno",
  "tests/http under Deno",
  "tests/examples under Deno",
];

/** Where Bun has no tests: Deno starts the programs of both. */
const DENO_ONLY = ["browser", "drain", "examples", "proxy"];

interface Job {
  readonly name: string;
  readonly runtime: "Deno" | "Bun";
  readonly command: string[];
}

interface Ended extends Job {
  readonly text: string;
  readonly code: number;
}

/** Runs a command, and shows what it has printed. */
async function run(job: Job): Promise<Ended> {
  const began = Date.now();
  // npm installs what `npx bun` runs only if it is allowed to.
  const more = job.runtime === "Bun" ? { npm_config_allow_scripts: "bun" } : {};
  const child = new Deno.Command(job.command[0]!, {
    args: job.command.slice(1),
    cwd: root,
    env: { NO_COLOR: "1", ...more },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let text = "";
  const read = async (from: ReadableStream<Uint8Array<ArrayBuffer>>) => {
    for await (const part of from.pipeThrough(new TextDecoderStream())) {
      text += part;
    }
  };
  await Promise.all([read(child.stdout), read(child.stderr)]);
  const { code } = await child.status;
  const seconds = Math.round((Date.now() - began) / 1_000);
  console.log(`${text}\n${job.name}: ${seconds} s, exit code ${code}\n`);
  return { ...job, text, code };
}

/** Runs all of them, some at a time. */
async function runAll(jobs: Job[]): Promise<Ended[]> {
  const ended: Ended[] = [];
  const next = jobs.values();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const job of next) ended.push(await run(job));
  }));
  return ended;
}

/** Bun's command line: the one installed if it is new enough, else npm's. */
async function findBun(): Promise<string[]> {
  try {
    const { stdout } = await new Deno.Command("bun", { args: ["--version"] })
      .output();
    const [major = 0, minor = 0] = new TextDecoder().decode(stdout)
      .split(".").map(Number);
    if (major > 1 || (major === 1 && minor >= 4)) return ["bun"];
  } catch { /* There is none on PATH. */ }
  return ["npx", "-y", "bun@1.4"];
}

/** The test files in a folder, and in those below it unless `flat`. */
function filesIn(folder: string, flat = false): string[] {
  return [...Deno.readDirSync(root + folder)].flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) return flat ? [] : filesIn(path);
    return path.endsWith("_test.ts") ? [`./${path}`] : [];
  });
}

/** The tests of each folder under both runtimes, those that take long first. */
function jobs(bun: string[]): Job[] {
  const found: Job[] = [];
  const add = (folder: string, files: string[], denoOnly = false) => {
    const args = [...Deno.args, ...files];
    const name = (runtime: string) => `${folder} under ${runtime}`;
    // `deno task check` knows about types.
    const deno = [Deno.execPath(), "test", "-A", "--no-check", ...args];
    found.push({ name: name("Deno"), runtime: "Deno", command: deno });
    if (denoOnly) return;
    const command = [...bun, "test", "--timeout", "180000", ...args];
    found.push({ name: name("Bun"), runtime: "Bun", command });
  };
  add("tests", filesIn("tests", true));
  for (const { name, isDirectory } of Deno.readDirSync(`${root}tests`)) {
    const files = isDirectory ? filesIn(`tests/${name}`) : [];
    if (files.length > 0) add(`tests/${name}`, files, DENO_ONLY.includes(name));
  }
  const rank = ({ name }: Job) => (LONG.indexOf(name) + 1) || LONG.length + 1;
  return found.sort((a, b) => rank(a) - rank(b));
}

/** The sum of what each of them says last that `pattern` finds. */
function sum(ended: Ended[], pattern: RegExp): number {
  return ended.reduce((sum, { text }) => {
    const found = [...text.matchAll(pattern)].at(-1);
    return sum + Number(found?.[1] ?? 0);
  }, 0);
}

const bun = await findBun();
// First, as tests under Deno start servers under Bun.
const install = [...bun, "install", "--frozen-lockfile"];
const { code } = await run({
  name: "packages",
  runtime: "Bun",
  command: install,
});
const ended = await runAll(jobs(bun));
for (const { name, text } of ended) {
  const shown = failuresIn(text);
  if (shown !== "") console.log(`Failed in ${name}:\n${shown}\n`);
}
let passed = 0;
let failed = code === 0 ? 0 : 1;
for (
  const [name, passes, fails] of [
    ["Deno", /\| (\d+) passed/g, /\| (\d+) failed/g],
    ["Bun", /^ *(\d+) pass$/gm, /^ *(\d+) fail$/gm],
  ] as const
) {
  const own = ended.filter(({ runtime }) => runtime === name);
  // What ran nothing has failed, and so has what ended badly.
  const bad = own.filter((job) =>
    (sum([job], passes) === 0 && Deno.args.length === 0) ||
    (job.code !== 0 && sum([job], fails) === 0)
  );
  for (const { name } of bad) console.log(`${name}: failed`);
  const counts = [sum(own, passes), sum(own, fails) + bad.length] as const;
  passed += counts[0];
  failed += counts[1];
  console.log(`${name}: ${counts[0]} passed, ${counts[1]} failed`);
}
console.log(`${passed} passed, ${failed} failed`);
Deno.exit(failed === 0 ? 0 : 1);
