/**
 * The guides in `docs`: every program in them is checked, and says under Deno and Bun
 * what its comments (`// → …`) say. One that serves answers `/healthz`.
 */
import { assert, assertEquals } from "@std/assert";
import { readdirSync } from "node:fs";
import { blocksOf, read } from "./documents.ts";
import { pause, runtime } from "./harness.ts";
import { freePort } from "./port.ts";
import { Folder, test } from "./runtimes/programs.ts";

/** Languages in which nothing can be run here; proxies have tests of their own. */
const PROSE = ["text", "json", "html", "http", "js", "sh", "nginx", "haproxy"];

/** What is in each guide. */
const guides = readdirSync(new URL("../docs", import.meta.url)).map((name) => {
  const blocks = blocksOf(read(`docs/${name}`));
  const programs = blocks.filter(({ language }) => language === "ts")
    .map(({ text, line }) => ({ text, line, file: `${name}_${line}.ts` }));
  return { name, blocks, programs };
});

if (runtime === "deno") {
  let folder: Folder;
  let bun: string;
  const deno = Deno.execPath();

  // Once for all of them: what they share is most of the work.
  Deno.test.beforeAll(async () => {
    folder = new Folder();
    await folder.copy(["mod.ts", "client.ts", "src", "deno.json", "deno.lock"]);
    await folder.copy(["package.json", "bun.lock", "jsconfig.json"]);
    bun = await folder.tool("bun");
    await folder.run([bun, "install", "--frozen-lockfile"]);
    for (const { text, file } of guides.flatMap(({ programs }) => programs)) {
      folder.write(file, text);
    }
  });
  Deno.test.afterAll(() => folder[Symbol.asyncDispose]());

  test("the programs of the guides pass the checks", async () => {
    const all = guides.flatMap(({ programs }) => programs);
    await folder.run([deno, "check", ...all.map(({ file }) => file)]);
  });

  for (const { name, blocks, programs } of guides) {
    test(`the programs of docs/${name} say on Deno and Bun what is written`, async () => {
      for (const { language, line } of blocks) {
        const known = ["ts", ...PROSE].includes(language);
        assert(known, `line ${line}: ${language} is run by nobody`);
      }
      for (const { text, line, file } of programs) {
        const said = [...text.matchAll(/\/\/ → (.*)$/gm)].map(([, it]) => it);
        if (/^export default/m.test(text)) {
          await serves(folder, [[deno, "serve", "-A"], [bun]], text);
          continue;
        }
        for (const command of [[deno, "run", "-A"], [bun]]) {
          const output = await folder.run([...command, file]);
          const lines = output.split("\n").filter((line) => line !== "");
          assertEquals(lines, said, `line ${line}, ${command[0]}`);
        }
      }
    });
  }
}

/** Sees that a program, served by each of `commands`, says that it is well. */
async function serves(
  folder: Folder,
  commands: string[][],
  text: string,
): Promise<void> {
  for (const command of commands) {
    const port = await freePort();
    folder.write("serves.ts", text.replaceAll("8000", String(port)));
    const args = command.length > 1 ? [`--port=${port}`] : [];
    await using program = folder.start([...command, ...args, "serves.ts"]);
    const ended = program.exit.then(() => "ended");
    const url = `http://127.0.0.1:${port}/healthz`;
    for (let status = 0; status !== 200;) {
      const asked = fetch(url).then((response) => response.status, () => 0);
      const answer = await Promise.race([asked, ended]);
      assert(answer !== "ended", program.output);
      status = Number(answer);
      await pause();
    }
  }
}
