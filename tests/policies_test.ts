/**
 * Every policy that README.md, the guides and the examples show grants a pattern only
 * if it grants every name that the pattern matches: people copy them.
 */
import { assert } from "@std/assert";
import { readdirSync } from "node:fs";
import { blocksOf, read } from "./documents.ts";
import { Folder, test } from "./runtimes/programs.ts";

/** Stands for `mod.ts`: the first engine has its policy tried, and that is all. */
const TRIES = `
export * from "./mod.ts";
import { isPattern, matches } from "./src/name.ts";

const text = Deno.readTextFileSync(Deno.args[0]);
const own = [...text.matchAll(/["'\`/](\\w[\\w-]*(?:\\/\\w[\\w-]*)*)/g)];
const names = [...new Set(own.map(([, name]) => name)), "x"]
  .flatMap((name) => [name, name + "/x", name + "/x/y"]);
const patterns = ["*", "**"].concat(names.flatMap((name) =>
  [name + "/*", name + "/**"]));
const actions = ["subscribe", "history", "presence"];

export function createEngine({ policy: { allow } = {} }) {
  if (!allow) Deno.exit();
  for (const who of [undefined, { subject: "ann" }]) {
    for (const action of actions) {
      for (const pattern of patterns) {
        if (!allow(action, pattern, who)) continue;
        const name = names.find((name) =>
          matches(pattern, name) && !allow(action, name, who));
        if (name === undefined) continue;
        console.error(action, pattern, "is granted, and", name, "is not");
        Deno.exit(1);
      }
    }
  }
  Deno.exit();
}
`;

/** What is tried: where it stands, and the program. */
const programs: [where: string, text: string][] = [
  "README.md",
  ...readdirSync(new URL("../docs", import.meta.url)).map((name) =>
    `docs/${name}`
  ),
].flatMap((file) =>
  blocksOf(read(file))
    .filter(({ language }) => language === "ts")
    .map(({ line, text }): [string, string] => [`${file}:${line}`, text])
);
for (const name of list("examples")) programs.push([name, read(name)]);

function list(folder: string): string[] {
  const entries = readdirSync(new URL(`../${folder}`, import.meta.url), {
    withFileTypes: true,
  });
  return entries.flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? list(path) : /\.[jt]s$/.test(path) ? path : [];
  });
}

test("a policy that is shown grants a pattern only with every name it matches", async () => {
  await using folder = new Folder();
  await folder.copy(["mod.ts", "src", "deno.json", "deno.lock"]);
  folder.write("tries.js", TRIES);
  const shown = programs.filter(([, text]) => /\ballow\b/.test(text));
  assert(shown.length > 5);
  const faults = await Promise.all(shown.map(async ([where, text], n) => {
    const file = `shown_${n}.ts`;
    // Under what its imports are called where it stands.
    const from = /"(?:(?:\.\.?\/)+mod\.ts|@halley\/halley)"/g;
    const tried = text.replaceAll(from, '"./tries.js"');
    // Workers make their objects themselves.
    const made = where.includes("worker") ? "\nnew Push({}, {});" : "";
    folder.write(file, tried + made);
    const flags = ["-A", "--no-check", "--unstable-kv"];
    const command = [Deno.execPath(), "run", ...flags, file, file];
    // What they import comes from the cache of whoever runs the tests.
    const env = { KV_PATH: ":memory:", HOME: Deno.env.get("HOME") ?? "" };
    await using program = folder.start(command, env);
    return await program.exit === 0 ? [] : [`${where}: ${program.output}`];
  }));
  assert(faults.flat().length === 0, faults.flat().join("\n"));
});
