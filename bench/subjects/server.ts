/**
 * The server process, under Deno or Bun: `server.ts MODULE EXPORT HEARTBEAT [ROOT
 * [PORT REDIS]]`; with a PORT (0: any) others may share it.
 * Orders come by standard input, so requests do only what is measured.
 * @module
 */
import process from "node:process";
import { obey, sleep } from "../orders.ts";
import type { Served, ServedOptions } from "./served.ts";

interface BunGlobal {
  serve(
    options: {
      port: number;
      hostname: string;
      idleTimeout: number;
      reusePort: boolean;
      fetch: Served["fetch"];
    },
  ): { port: number };
  gc(wait: boolean): void;
}

type Make = (options: ServedOptions, root: string) => Served | Promise<Served>;

const { Bun, gc } = globalThis as unknown as {
  Bun?: BunGlobal;
  gc?: () => void;
};
const [, , module = "", name = "", heartbeat, root = "", shared, redis] =
  process.argv;
const { [name]: make } = await import(module) as Record<string, Make>;
const served = await make!({ heartbeat: Number(heartbeat), redis }, root);
const port = serve(served.fetch);

/** Serves, and says on which port. */
function serve(fetch: Served["fetch"]): number {
  const address = {
    port: Number(shared ?? 0),
    hostname: "127.0.0.1",
    reusePort: shared !== undefined,
  };
  if (Bun) return Bun.serve({ ...address, idleTimeout: 0, fetch }).port;
  return Deno.serve({ ...address, onListen() {} }, fetch).addr.port;
}

await obey({
  port: () => port,
  size: () => served.size(),
  /** Collects garbage, in several turns: what ends in one is freed in the next. */
  async gc() {
    for (let i = 0; i < 4; i++) {
      if (Bun) Bun.gc(true);
      else gc!();
      await sleep(100);
    }
  },
});
