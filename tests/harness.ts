/**
 * What tests share: `test` under Deno and Bun, and real servers on free ports.
 * @module
 */
import { process, setImmediate } from "../src/deps.ts";
import type { Clock } from "../src/options.ts";

type Run = (name: string, body: () => void | Promise<void>) => void;

const bun = "bun:test";

/** `deno` or `bun`: whichever runs this. */
export const runtime: "deno" | "bun" = "Deno" in globalThis ? "deno" : "bun";

/** Declares a test; its name is a sentence: subject, verb, circumstance. */
export const test: Run = runtime === "deno"
  ? (name, body) => Deno.test(name, body)
  : await bunTest();

/** Bun's own limit of 5 s is too short for a test that starts processes. */
async function bunTest(): Promise<Run> {
  const { test } = await import(bun);
  return (name, body) => test(name, body, 60_000);
}

/** A fetch handler as runtimes call it. */
export type Handler = (
  request: Request,
  // deno-lint-ignore no-explicit-any
  env?: any,
) => Response | Promise<Response>;

/** A real server in this process. */
export interface Server {
  /** Its address without a trailing slash. */
  readonly url: string;
  readonly port: number;
  /** Ends it and what it still holds. */
  stop(): Promise<void>;
}

/** Serves `handler` on a free port of 127.0.0.1, as this runtime does. */
export async function serve(handler: Handler): Promise<Server> {
  if (runtime === "deno") {
    const abort = new AbortController();
    const { promise, resolve } = Promise.withResolvers<number>();
    const server = Deno.serve({
      port: 0,
      hostname: "127.0.0.1",
      signal: abort.signal,
      onListen: ({ port }) => resolve(port),
    }, handler);
    const port = await promise;
    const stop = () => {
      abort.abort();
      return server.finished;
    };
    return { url: `http://127.0.0.1:${port}`, port, stop };
  }
  // deno-lint-ignore no-explicit-any
  const { Bun } = globalThis as any;
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: handler });
  return {
    url: `http://127.0.0.1:${server.port}`,
    port: server.port,
    stop: () => server.stop(true),
  };
}

/** The command line of the stand-alone server under this runtime. */
export function startCommand(): string[] {
  const root = new URL("../", import.meta.url).pathname;
  return runtime === "deno"
    ? [process.execPath, "run", "-A", `${root}src/start.ts`]
    : [process.execPath, `${root}src/main.ts`];
}

/** Lets one turn of the event loop go by: what was published has been flushed. */
export function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** Keeps this process busy for `ms`: nothing is read meanwhile, and no timer rings. */
export function hog(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

/** Leaves the machine to others for a moment; nothing is ever proven by it. */
export function pause(ms = 5): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, ms));
}

/** Waits until `condition` holds: turn by turn, and then for longer. */
export async function until(condition: () => unknown): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    await (turns < 20 ? turn() : pause(1));
  }
}

/** A clock that stands still until a test moves it. */
export interface ManualClock extends Clock {
  /** Moves on by `ms`; what falls due on the way is called at its own time. */
  advance(ms: number): void;
}

/** Makes a clock that stands at `time`, in ms since 1970. */
export function manualClock(time = 1_000_000): ManualClock {
  const timers = new Set<{ due: number; callback: () => void }>();
  return {
    now: () => time,
    schedule(callback, delay) {
      const timer = { due: time + delay, callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance(ms) {
      const end = time + ms;
      for (;;) {
        const [next] = [...timers].sort((a, b) => a.due - b.due);
        if (!next || next.due > end) break;
        timers.delete(next);
        time = Math.max(time, next.due);
        next.callback();
      }
      time = end;
    },
  };
}
