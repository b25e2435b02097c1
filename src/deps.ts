/**
 * Third-party code, named once. The inline `npm:` specifiers work in a Deno
 * program that imports Halley over HTTP (which gets no import map); for Bun,
 * `jsconfig.json` maps them to `node_modules`.
 * @module
 */
import type { Hono as HonoApp } from "npm:hono@^4.13.0";
import type { sign, verify } from "npm:hono@^4.13.0/jwt";
export { Hono as App } from "npm:hono@^4.13.0";
export type { Context } from "npm:hono@^4.13.0";
export { routePath } from "npm:hono@^4.13.0/route";
export * as v from "npm:valibot@^1.5.0";
export { customAlphabet } from "npm:nanoid@^6.0.0";
export { Buffer } from "node:buffer";
export { createHash, createPublicKey, hkdfSync } from "node:crypto";
export { isIP } from "node:net";
export { setImmediate } from "node:timers";
import nodeProcess from "node:process";
export { nodeProcess as process };

/** JSON Web Tokens; loaded when a policy needs them, and by nobody else. */
export const loadJwt = (): Promise<HonoJwt> =>
  import("npm:hono@^4.13.0/jwt") as Promise<HonoJwt>;

/** Takes the types off TypeScript; looked up late, as Bun has another way. */
export async function withoutTypes(code: string): Promise<string> {
  const { stripTypeScriptTypes } = await import("node:module");
  return stripTypeScriptTypes(code, { mode: "transform" });
}

/** An open database, and a statement of it. */
export type { DatabaseSync, StatementSync } from "node:sqlite";

/** SQLite, where the runtime has it; looked up late, as not every one does. */
export function sqliteModule(): typeof import("node:sqlite") | undefined {
  return builtin("node:sqlite");
}

/** The file system, where there is one. */
export function fsModule(): typeof import("node:fs") | undefined {
  return builtin("node:fs");
}

function builtin<T>(name: string): T | undefined {
  const { getBuiltinModule } = nodeProcess as {
    getBuiltinModule?: (name: string) => unknown;
  };
  return getBuiltinModule?.(name) as T | undefined;
}

/** A Hono app. */
export type Hono = HonoApp;

/** What of `hono/jwt` is used. */
export interface HonoJwt {
  readonly sign: typeof sign;
  readonly verify: typeof verify;
  readonly decode: (token: string) => { header: unknown; payload: unknown };
}
