/**
 * The versions of what is measured, and of what measures it.
 * @module
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { versionOf } from "./runtimes.ts";
import { nginx } from "./subjects/nchan.ts";
import type { Subject } from "./subjects/table.ts";

const ROOT = new URL("../", import.meta.url).pathname;

/** By name: the runtimes, Halley, and the programs beside it, where they say so. */
export function versions(subjects: readonly Subject[]): Record<string, string> {
  const found: [string, string | undefined][] = [
    ...(["bun", "deno", "node"] as const).map((name) =>
      [name, versionOf(name)] as [string, string | undefined]
    ),
    ["halley", versionIn(`${ROOT}deno.json`)],
  ];
  for (const { name, from } of subjects) {
    if (from) {
      found.push([from, versionIn(`${ROOT}node_modules/${from}/package.json`)]);
    }
    if (name === "nchan") found.push(["nginx", nginxVersion()]);
  }
  return Object.fromEntries(
    found.filter((one): one is [string, string] => one[1] !== undefined),
  );
}

function versionIn(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  return JSON.parse(readFileSync(path, "utf8")).version;
}

function nginxVersion(): string | undefined {
  const { stderr } = spawnSync(nginx() ?? "nginx", ["-v"]);
  return /nginx\/([0-9.]+)/.exec(stderr?.toString() ?? "")?.[1];
}
