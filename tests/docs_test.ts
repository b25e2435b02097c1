/**
 * The guides in `docs`: every program in them is checked, and says under Deno and Bun
 * what its comments (`// → …`) say. One that serves answers `/healthz`.
 */
import { assert, assertEquals } from "@std/assert";
import { readdirSync } from "node:fs";
import { blocksOf, read } from "./documents.ts";
import { turn } from "./harness.ts";
import { freePort } from "./http/child.ts";
import { Folder, test } from "./runtimes/programs.ts";

/** Languages in which nothing can be run here; proxies have tests of their own. */
const PROSE = ["text", "json", "html", "http", "js", "sh", "nginx", "haproxy"];

for (const name of readdirSync(new URL("../docs", import.meta.url))) {
  const blocks = blocksOf(read(`docs/${name}`));
  const programs = blocks.filter(({ language }) => language === "ts");

  test(`the programs of docs/${name} pass the checks, and say on Deno and Bun what is written`, async () => {
    for (const { language, line } of blocks) {
      const known = ["ts", ...PROSE].includes(language);
      assert(known, `line ${line}: ${language} is run by nobody`);
    }
    if (programs.length === 0) return;
    await using folder = new Folder();
    await folder.copy(["mod.ts", "client.ts", "src", "deno.json", "deno.lock"]);
    await folder.copy(["package.json", "bun.lock", "jsconfig.json"]);
    const bun = await folder.tool("bun");
    const deno = Deno.execPath();
    await folder.run([bun, "install", "--frozen-lockfile"]);
    const files = programs.map(({ line, text }) => {
      const file = `line_${line}.ts`;
      folder.write(file, text);
      return file;
    });
    await folder.run([deno, "check", ...files]);
    for (const [n, { text, line }] of programs.entries()) {
      const said = [...text.matchAll(/\/\/ → (.*)$/gm)].map(([, it]) => it);
      if (/^export default/m.test(text)) {
        await serves(folder, [[deno, "serve", "-A"], [bun]], text);
        continue;
      }
      for (const command of [[deno, "run", "-A"], [bun]]) {
        const output = await folder.run([...command, files[n]!]);
        const lines = output.split("\n").filter((line) => line !== "");
        assertEquals(lines, said, `line ${line}, ${command[0]}`);
      }
    }
  });
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
      await turn();
    }
  }
}
