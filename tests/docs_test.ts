/**
 * The guides in `docs`: every program in them is checked, and says under Deno and Bun
 * what its comments (`// → …`) say.
 */
import { assert, assertEquals } from "@std/assert";
import { readdirSync } from "node:fs";
import { blocksOf, read } from "./documents.ts";
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
      assert(said.length > 0, `line ${line} says nothing`);
      for (const command of [[deno, "run", "-A"], [bun]]) {
        const output = await folder.run([...command, files[n]!]);
        const lines = output.trim().split("\n");
        assertEquals(lines, said, `line ${line}, ${command[0]}`);
      }
    }
  });
}
