/** Engines that would not hear each other: issue 3, "Everywhere". */
import { assert, assertEquals } from "@std/assert";
import process from "node:process";
import { runtime, startCommand, test } from "./harness.ts";
import { Child, standalone } from "./http/child.ts";

const path = new URL("neighbour_program.ts", import.meta.url).pathname;

/** What the program says of a deployment. */
async function scene(
  name: string,
  env: Record<string, string> = {},
  // deno-lint-ignore no-explicit-any
): Promise<any> {
  const run = runtime === "deno" ? ["run", "-A", path] : [path];
  await using child = new Child([process.execPath, ...run, name], env);
  assertEquals(await child.exit, 0, child.output);
  return JSON.parse(child.output.trim().split("\n").at(-1)!);
}

/** Says what is wrong, and what to do instead. */
function advises(message: string): void {
  assert(message.includes("hear nothing"), message);
  assert(message.includes("backplane"), message);
}

test("engines on memory() in two threads both say what to use instead", async () => {
  const errors: string[][] = await scene("twoThreads");
  assertEquals(errors.map(({ length }) => length), [1, 1]);
  for (const [message] of errors) {
    advises(message!);
    assert(message!.includes("beside this one"), message);
  }
});

test("two engines in one thread are no neighbours", async () => {
  const [errors, sameHello] = await scene("oneThread");
  assertEquals([errors, sameHello], [[], true]);
});

test("an engine that has been closed is nobody's neighbour, and hears of none", async () => {
  const errors: string[][] = await scene("closed");
  assertEquals(errors.map(({ length }) => length), [0, 1, 1]);
});

test("an engine with a backplane that others share looks for no neighbours", async () => {
  assertEquals(await scene("shared"), "the first to be heard");
});

test("an engine on memory() under Deno Deploy says so to its error listener", async () => {
  const env = { DENO_DEPLOYMENT_ID: "abc123" };
  const errors: string[] = await scene("deployed", env);
  // Elsewhere it is a variable like any other.
  assertEquals(errors.length, runtime === "deno" ? 1 : 0);
  for (const message of errors) {
    advises(message);
    assert(message.includes("Deno Deploy"), message);
  }
  assertEquals(await scene("deployed"), []);
});

test("deno serve --parallel says on its console what to use instead", async () => {
  if (runtime !== "deno") return;
  const main = startCommand().at(-1)!.replace("start.ts", "main.ts");
  const serve = (port: number) => [
    process.execPath,
    ...["serve", "-A", "--parallel", "--host=127.0.0.1", `--port=${port}`],
    main,
  ];
  await using halley = await standalone({ DENO_JOBS: "2" }, serve);
  const said = await halley.child.says("share.");
  assert(said.includes("halley: Error: Another engine runs beside"), said);
  advises(said);
});
