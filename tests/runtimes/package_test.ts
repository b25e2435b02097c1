/** What `deno pack` and `deno publish` make of the repository. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Folder, inRepository, test } from "./programs.ts";

const USER = `
import { createEngine, createRouter, type Engine } from "@halley/halley";
import "@halley/halley/client";
const engine: Engine = createEngine({ heartbeat: 1000 });
export const id: Promise<string> = engine.publish("a", { any: "thing" });
export const { fetch } = createRouter(engine);
// @ts-expect-error: a number names no channel
engine.publish(1, 2);
`;

const root = new URL("../../", import.meta.url);
const README = /^(README\.md|LICENSE|src\/PROTOCOL\.md)$/;
const PROGRESS = /^(Download|Check) .*\n/gm;

test("deno publish --dry-run warns of nothing and takes what users need", async () => {
  const said = await inRepository(["publish", "--dry-run", "--allow-dirty"]);
  const [first, second, ...list] = said.replace(PROGRESS, "").trim()
    .split("\n");
  assertEquals(first, "Checking for slow types in the public API...");
  assertMatch(second!, /^Simulating publish of @halley\/halley@/);
  assertEquals(list.pop(), "Success Dry run complete");
  const names = list.map((line) => {
    const [, url = line] = /^ +(file:.*) \(.*B\)$/.exec(line) ?? [];
    return url.replace(root.href, "");
  });
  const code = /^(deno\.json|(mod|client|src\/.*)\.ts)$/;
  for (const name of names) assert(README.test(name) || code.test(name), name);
  for (const name of ["mod.ts", "client.ts", "src/deps.ts", "LICENSE"]) {
    assert(names.includes(name), name);
  }
});

test("deno pack warns of nothing and takes what users need", async () => {
  await using folder = new Folder();
  const said = (await folder.pack())
    // Modules from which the public API takes no type need none.
    .replace(/^Could not generate types for '.*\n/gm, "")
    .replace(PROGRESS, "").replace(/^(Packing| +[0-9]+|✓) .*\n/gm, "");
  assertEquals(said, "");
  const list = await folder.run(["tar", "-tf", "halley.tgz"]);
  const names = list.trim().split("\n").map((name) => name.slice(8));
  assertEquals(new Set(names).size, names.length, list);
  const code = /^(package\.json|(mod|client|src\/.*)\.(js|d\.ts))$/;
  for (const name of names) assert(README.test(name) || code.test(name), name);
  await folder.run(["tar", "-xf", "halley.tgz"]);
  const packed = await readJson(`file://${folder.path}/package/package.json`);
  assertEquals(Object.keys(packed.exports), [".", "./client"]);
  const { dependencies } = await readJson(new URL("package.json", root));
  assertEquals(packed.dependencies, dependencies);
});

// deno-lint-ignore no-explicit-any
async function readJson(url: string | URL): Promise<any> {
  return JSON.parse(await Deno.readTextFile(new URL(url)));
}

test("TypeScript takes the package's types, for Node and for bundlers", async () => {
  await using folder = new Folder();
  folder.write("package.json", `{"type":"module"}`);
  folder.write("user.ts", USER);
  await folder.pack();
  await folder.install(["./halley.tgz", "typescript@7", "@types/node@22"]);
  for (const module of ["nodenext", "preserve"]) {
    const flags = ["--noEmit", "--strict", "--exactOptionalPropertyTypes"];
    const command = ["node_modules/.bin/tsc", ...flags, "--types", "node"];
    await folder.run([...command, "--module", module, "user.ts"]);
  }
});
