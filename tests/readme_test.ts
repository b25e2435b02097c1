/**
 * README.md, followed to the letter in a copy of the repository: every program in
 * it is checked, and run by Deno and Bun; every command is entered, in order.
 */
import { assert, assertMatch } from "@std/assert";
import { blocksOf, read } from "./documents.ts";
import { pause, runtime } from "./harness.ts";
import { freePort } from "./port.ts";
import { Folder, type Program, test } from "./runtimes/programs.ts";

/** Languages in which nothing can be run; a program or a command has one of ours. */
const PROSE = ["text", "json", "html", "http"];

/** Deno's tasks that are there to end, and are run by those who test. */
const CHORES = /\bdeno task (?!start\b)(\S+)/;

const blocks = blocksOf(read("README.md"));
const programs = blocks.filter(({ language }) => language === "ts");
const commands = blocks.filter(({ language }) => language === "sh");

/** What a newcomer has who has cloned the repository. */
async function clone(): Promise<Folder> {
  const folder = new Folder();
  await folder.copy(["mod.ts", "client.ts", "src", "deno.json", "deno.lock"]);
  await folder.copy(["package.json", "bun.lock", "jsconfig.json"]);
  return folder;
}

/** Waits until something answers; a program that has ended will not. */
async function answered(program: Program, port: number): Promise<void> {
  let gone = false;
  program.exit.then(() => gone = true);
  for (;;) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/`);
      return await response.body?.cancel();
    } catch {
      assert(!gone, program.output);
      await pause();
    }
  }
}

test("README.md has programs and commands, and says why one is not run", () => {
  assert(programs.length > 0, "README.md has no program");
  assert(commands.length > 0, "README.md has no command");
  for (const { language, line, excuse } of blocks) {
    const known = ["ts", "sh", ...PROSE].includes(language);
    assert(known, `line ${line}: ${language} is run by nobody`);
    assert(excuse === undefined || excuse.trim() !== "", `line ${line}`);
  }
  return Promise.resolve();
});

if (runtime === "deno") {
  let folder: Folder;
  let bun: string;
  const deno = Deno.execPath();
  const own = programs.filter(({ excuse }) => excuse === undefined);

  // Once for all of them: what they share is most of the work.
  Deno.test.beforeAll(async () => {
    folder = await clone();
    bun = await folder.tool("bun");
    await folder.run([bun, "install", "--frozen-lockfile"]);
    for (const { text, line } of own) folder.write(`line_${line}.ts`, text);
  });
  Deno.test.afterAll(() => folder[Symbol.asyncDispose]());

  test("README.md's programs pass the checks", async () => {
    const files = own.map(({ line }) => `line_${line}.ts`);
    await folder.run([deno, "check", ...files]);
  });

  for (const { text, line } of own) {
    test(`README.md's program in line ${line} runs on Deno and Bun`, async () => {
      if (!text.includes("export default")) {
        for (const command of [[deno, "run", "-A"], [bun]]) {
          await folder.run([...command, `line_${line}.ts`]);
        }
        return;
      }
      for (const command of [[deno, "serve", "-A"], [bun]]) {
        const port = await freePort();
        const args = command.length > 1 ? [`--port=${port}`] : [];
        folder.write("serves.ts", text.replaceAll("8000", String(port)));
        await using program = folder.start([...command, ...args, "serves.ts"]);
        await answered(program, port);
      }
    });
  }
}

test("README.md's commands do what they say, one after the other", async () => {
  await using folder = await clone();
  const bun = await folder.tool("bun");
  const path = `${Deno.env.get("PATH")}:${bun.replace(/\/?bun$/, "")}`;
  const { tasks } = JSON.parse(read("deno.json"));
  const port = String(await freePort());
  // `npx` finds Deno in the cache of whoever runs the tests.
  const env = { PATH: path, PORT: port, HOME: Deno.env.get("HOME") ?? "" };
  await using running = new AsyncDisposableStack();
  for (const { text, excuse } of commands) {
    if (excuse !== undefined) continue;
    for (const line of text.trim().replaceAll(/ +#.*/g, "").split("\n")) {
      const chore = CHORES.exec(line)?.[1];
      if (chore !== undefined) {
        assert(chore in tasks, `There is no task ${chore}: ${line}`);
        continue;
      }
      const command = ["sh", "-c", line.replaceAll("8000", port)];
      if (/ start$/.test(line)) {
        const server = running.use(folder.start(command, env, true));
        await answered(server, Number(port));
      } else if (/curl .*-N/.test(line)) {
        const listener = running.use(folder.start(command, env, true));
        await listener.hears("data:");
      } else {
        const said = await folder.run(command, env);
        if (line.startsWith("curl ")) {
          assertMatch(said, /^\{"(id|connection)":/m);
        }
      }
    }
  }
});
