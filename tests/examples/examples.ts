/**
 * Examples as people run them: as they are, but for the port.
 * @module
 */
import { assert } from "@std/assert";
import { existsSync } from "node:fs";
import type { Folder, Program } from "../runtimes/programs.ts";
import { pause } from "../harness.ts";
import { RUNTIMES } from "../outside.ts";
import { freePort } from "../port.ts";

export { RUNTIMES };

/** Where they are. */
export const examples: string = new URL("../../examples/", import.meta.url)
  .pathname;

/** An example that runs. */
export interface Running extends AsyncDisposable {
  readonly program: Program;
  /** Where it answers, without a slash at the end. */
  readonly url: string;
}

/** Starts a program in `folder`, and waits until it answers at `path`. */
export async function run(
  folder: Folder,
  command: string[],
  port: number,
  env: Record<string, string> = {},
  path = "/readyz",
): Promise<Running> {
  const program = folder.start(command, { PORT: String(port), ...env });
  const url = `http://127.0.0.1:${port}`;
  await answers(program, url + path);
  return { program, url, [Symbol.asyncDispose]: () => end(program) };
}

/** Runs `examples/FILE`, which has a default export, under one of the runtimes. */
export async function serve(
  folder: Folder,
  runtime: typeof RUNTIMES[number],
  file: string,
  path = "/readyz",
  env: Record<string, string> = {},
): Promise<Running> {
  const port = await freePort();
  assert(existsSync(examples + file), file);
  const flags = ["-A", "--unstable-kv", "--host=127.0.0.1"];
  const command = runtime === "deno"
    ? [Deno.execPath(), "serve", ...flags, `--port=${port}`, examples + file]
    : [await folder.tool("bun"), examples + file];
  return await run(folder, command, port, env, path);
}

/** Waits until `url` answers anything; a program that has ended will not. */
export async function answers(program: Program, url: string): Promise<void> {
  let gone = false;
  program.exit.then(() => gone = true);
  for (;;) {
    try {
      return await (await fetch(url)).body?.cancel();
    } catch {
      assert(!gone, program.output);
      await pause();
    }
  }
}

async function end(program: Program): Promise<void> {
  await program[Symbol.asyncDispose]();
}

/** A file of the examples. */
export function readExample(file: string): string {
  return Deno.readTextFileSync(examples + file);
}
