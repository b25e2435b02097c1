/**
 * The server of a soak, under Deno or Bun. All it remembers for a time it forgets
 * within seconds, and all that is bounded by number has small bounds: so they are
 * reached in the first round.
 * @module
 */
import process from "node:process";
import { bayeux, comet4j, createEngine, createRouter, memory } from "../mod.ts";
import { obey, sleep } from "./process.ts";

interface BunGlobal {
  serve(options: {
    port: number;
    hostname: string;
    fetch: ReturnType<typeof createRouter>["fetch"];
  }): { port: number };
  gc(wait: boolean): void;
}

const { Bun, gc } = globalThis as unknown as {
  Bun?: BunGlobal;
  gc?: () => void;
};
const engine = createEngine({
  backplane: memory({ keys: 1_000 }),
  policy: { allow: () => true },
  history: { frames: 200, age: 2_000 },
  limits: {
    connections: 5_000,
    logs: 2_000,
    address: {
      connections: 9,
      channels: 99,
      opens: 9,
      publishes: 9,
      bytes: 1e6,
    },
  },
  heartbeat: 2_000,
  linger: 1_000,
  writeTimeout: 2_000,
  maxAge: 5_000,
});
const protocols = [
  bayeux({ timeout: 1_000, maxInterval: 1_000 }),
  comet4j({
    channels: ["all/news"],
    timeout: 1_000,
    connExpires: 1_000,
    connFrequency: 0,
    cookie: false,
  }),
];
const proxy = { header: "x-forwarded-for" };
const { fetch } = createRouter(engine, { protocols, proxy });
const address = { port: 0, hostname: "127.0.0.1" };
const port = Bun
  ? Bun.serve({ ...address, fetch }).port
  : Deno.serve({ ...address, onListen() {} }, fetch).addr.port;

setInterval(() => void engine.publish("all/news", Date.now()), 20);

await obey({
  port: () => port,
  state: () => {
    const { counts, logs, meters, stalled } = engine.node;
    return {
      heap: process.memoryUsage().heapUsed,
      connections: engine.connections.size + stalled,
      logs: logs.size,
      meters: meters.size,
      deliveries: counts.deliveries,
      resumes: counts.resumes.counts.reduce((sum, count) => sum + count),
      resets: counts.resets,
      slow: counts.slow,
      refusals: [...counts.refusals.values()].reduce((sum, n) => sum + n, 0),
    };
  },
  /** Collects garbage, in several turns: what ends in one is freed in the next. */
  async gc() {
    for (let i = 0; i < 5; i++) {
      if (Bun) Bun.gc(true);
      else gc!();
      await sleep(100);
    }
  },
});
