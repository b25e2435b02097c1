/**
 * Runs the whole suite under Deno and under Bun, and says how many tests passed and
 * failed in both. It takes three processes at a time, as much of it is waiting; what
 * each prints is shown in one piece. Bun comes from PATH, or from npm where there is
 * none.
 * @module
 */
const root = new URL("../", import.meta.url).pathname;
const env = { NO_COLOR: "1" };

/** What Deno runs in a second process: half of the time it takes. */
const APART = [
  "tests/bench/",
  "tests/browser/",
  "tests/docs_test.ts",
  "tests/examples/",
];

/** Runs a command and returns what it prints, which is shown, or kept until `after`. */
async function run(
  command: string[],
  more: Record<string, string> = {},
  after?: Promise<unknown>,
): Promise<{ text: string; code: number }> {
  const title = `\n$ ${command.join(" ")}\n`;
  if (!after) console.log(title);
  const child = new Deno.Command(command[0]!, {
    args: command.slice(1),
    cwd: root,
    env: { ...env, ...more },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const decoder = new TextDecoder();
  let text = "";
  const show = async (
    from: ReadableStream<Uint8Array>,
    to: typeof Deno.stdout | typeof Deno.stderr,
  ) => {
    for await (const bytes of from) {
      text += decoder.decode(bytes);
      if (!after) await to.write(bytes);
    }
  };
  await Promise.all([
    show(child.stdout, Deno.stdout),
    show(child.stderr, Deno.stderr),
  ]);
  const { code } = await child.status;
  if (after) console.log(title, await after && text);
  return { text, code };
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

function sum(numbers: number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

function count(text: string, pattern: RegExp): number {
  const found = [...text.matchAll(pattern)].at(-1)?.[1];
  return found === undefined ? NaN : Number(found);
}

// npm installs what `npx bun` runs only if it is allowed to.
const allowed = { npm_config_allow_scripts: "bun" };
const bun = await findBun();
// First, as tests under Deno start servers under Bun.
const installed = await run([...bun, "install", "--frozen-lockfile"], allowed);
// `deno task check` knows about types.
const test = [Deno.execPath(), "test", "-A", "--no-check", ...Deno.args];
const first = run([...test, `--ignore=${APART}`, "tests/"]);
const second = run([...test, ...APART], {}, first);
const third = run(
  [...bun, "test", "--timeout", "180000", ...Deno.args],
  allowed,
  second,
);
const deno = await Promise.all([first, second]);
const inBun = await third;
const results = [
  {
    name: "Deno",
    passed: sum(deno.map(({ text }) => count(text, /\| (\d+) passed/g))),
    failed: sum(deno.map(({ text }) => count(text, /\| (\d+) failed/g))),
    code: deno.find(({ code }) => code !== 0)?.code ?? 0,
  },
  {
    name: "Bun",
    passed: count(inBun.text, /^ *(\d+) pass$/gm),
    failed: count(inBun.text, /^ *(\d+) fail$/gm),
    code: inBun.code || installed.code,
  },
];
let passed = 0;
let failed = 0;
for (const result of results) {
  // A runtime that ran nothing has failed, and so has one that ended badly.
  const ran = result.passed > 0;
  const bad = result.failed || (ran && result.code === 0 ? 0 : 1);
  passed += result.passed || 0;
  failed += bad;
  console.log(`${result.name}: ${result.passed} passed, ${bad} failed`);
}
console.log(`${passed} passed, ${failed} failed`);
Deno.exit(failed === 0 ? 0 : 1);
