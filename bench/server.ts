/**
 * The server process, under Deno or Bun: `server.ts raw`, or `server.ts halley
 * ROOT`. Orders come by standard input, so requests do only what is measured.
 * @module
 */
import process from "node:process";
import { obey, sleep } from "./orders.ts";
import { halley, raw, type Subject } from "./subject.ts";

interface BunGlobal {
  serve(
    options: {
      port: number;
      hostname: string;
      idleTimeout: number;
      fetch: Subject["fetch"];
    },
  ): { port: number };
  gc(wait: boolean): void;
}

const { Bun, gc } = globalThis as unknown as {
  Bun?: BunGlobal;
  gc?: () => void;
};
const [, , kind, root] = process.argv;
const subject = kind === "raw" ? raw() : await halley(root!);
const port = serve(subject.fetch);

/** Serves on a free port, and says which. */
function serve(fetch: Subject["fetch"]): number {
  const address = { port: 0, hostname: "127.0.0.1" };
  if (Bun) return Bun.serve({ ...address, idleTimeout: 0, fetch }).port;
  return Deno.serve({ ...address, onListen() {} }, fetch).addr.port;
}

await obey({
  port: () => port,
  size: () => subject.size(),
  publish: (messages) => subject.publish(messages),
  /** Collects garbage, in several turns: what ends in one is freed in the next. */
  async gc() {
    for (let i = 0; i < 4; i++) {
      if (Bun) Bun.gc(true);
      else gc!();
      await sleep(100);
    }
  },
});
