/**
 * Which runtimes are here, and how they run a program.
 * @module
 */
import { spawnSync } from "node:child_process";
import process from "node:process";

/** Where a measured program runs; `native` is a program of its own. */
export type Runtime = "bun" | "deno" | "node" | "native";

/** Where this runs. */
export const ownRuntime: Runtime = "Deno" in globalThis ? "deno" : "bun";
const found = new Map<Runtime, string | undefined>();

function binaryOf(runtime: Runtime): string {
  return runtime === ownRuntime ? process.execPath : runtime;
}

/** The version of a runtime, or `undefined` where there is none. */
export function versionOf(runtime: Runtime): string | undefined {
  if (!found.has(runtime)) {
    const { stdout } = spawnSync(binaryOf(runtime), ["--version"]);
    found.set(runtime, /[0-9]+[0-9.]+/.exec(stdout?.toString() ?? "")?.[0]);
  }
  return found.get(runtime);
}

/** The command line that runs `file`; `flags` are for Deno. */
export function command(
  runtime: Runtime,
  file: URL,
  ...flags: string[]
): string[] {
  const binary = binaryOf(runtime);
  if (runtime === "bun") return [binary, file.pathname];
  if (runtime === "node") return [binary, "--expose-gc", file.pathname];
  const all = ["-A", "--v8-flags=--expose-gc", ...flags];
  return [binary, "run", ...all, file.pathname];
}

/** What the load runs on: Bun where it is, since its sockets cost least. */
export function loadRuntime(): Runtime {
  return versionOf("bun") === undefined ? ownRuntime : "bun";
}
