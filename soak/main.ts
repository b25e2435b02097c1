/**
 * A server under churn for a long time, whose memory has to return to where it was.
 *
 *     deno task soak [MINUTES] [--runtime bun,deno] [--clients 500]
 *
 * Round after round, about a minute each: clients on all transports, of Bayeux and of
 * Comet4J come, listen, publish, lose their connection, resume, go without a word, stall,
 * or ask for what is refused, each with channels and addresses of its own, so that names
 * never come twice. Then all leave, the server is left alone until it has forgotten
 * them, and is measured: bytes in use after its garbage is collected, and resident ones.
 * The first rounds bring it to its working size. Later ones may not add to it: the soak
 * fails if the last third is more than a tenth, and a megabyte, above the first.
 * @module
 */
import { parseArgs } from "node:util";
import { Servant, sleep } from "./process.ts";

const { values: options, positionals: [minutes = "30"] } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    runtime: { type: "string", default: "bun,deno" },
    clients: { type: "string", default: "500" },
  },
});

/** How long a round churns, in ms; short soaks have shorter rounds. */
const CHURN = Math.min(45_000, Number(minutes) * 60_000 / 16);

/** Rounds that do not count: what is loaded late, and what a runtime keeps. */
const WARM_UP = 2;

/** Logs that stay: of the news, of the pattern that covers them, and `$all`. */
const LASTING = 3;

const RUNTIMES: Record<string, string[]> = {
  bun: ["bun"],
  deno: [Deno.execPath(), "run", "-A", "--v8-flags=--expose-gc"],
};
const here = new URL("./", import.meta.url).pathname;

/** What a server says of itself when all have left. */
interface State {
  /** Bytes in use. */
  readonly heap: number;
  /** Parked, away, and stalled. */
  readonly connections: number;
  /** Logs held. */
  readonly logs: number;
  /** Addresses that use something of their quotas. */
  readonly meters: number;
  /** What has happened since it began. */
  readonly [count: string]: number;
}

async function soak(runtime: string, end: number): Promise<boolean> {
  const command = [...RUNTIMES[runtime]!, `${here}server.ts`];
  const server = new Servant(command);
  const port = await server.tell<number>("port");
  const crowd = [...RUNTIMES.deno!, `${here}crowd.ts`, `${port}`];
  const clients = new Servant(crowd);
  const heaps: number[] = [];
  const sizes: number[] = [];
  try {
    for (let round = 1; Date.now() < end || heaps.length < 6; round++) {
      await clients.tell("churn", Number(options.clients));
      await sleep(CHURN);
      const done = await clients.tell<Record<string, number>>("stop");
      const state = await settled(server);
      const rss = server.resident;
      console.log(
        `${runtime} round ${round}: heap ${mb(state.heap)}, resident ` +
          `${mb(rss)}, ${JSON.stringify(done)}, ${JSON.stringify(state)}`,
      );
      if (round <= WARM_UP) continue;
      heaps.push(state.heap);
      sizes.push(rss);
    }
  } finally {
    server.end();
    clients.end();
  }
  const heap = returned(`${runtime} heap`, heaps, true);
  return returned(`${runtime} resident`, sizes, false) && heap;
}

/** What is left once everybody has been forgotten; throws if somebody is not. */
async function settled(server: Servant): Promise<State> {
  for (let i = 0; i < 60; i++) {
    await sleep(500);
    const { connections, logs, meters } = await server.tell<State>("state");
    if (connections > 0 || logs > LASTING || meters > 0) continue;
    await server.tell("gc");
    return await server.tell<State>("state");
  }
  const state = await server.tell<State>("state");
  throw new Error(`Somebody is still there: ${JSON.stringify(state)}`);
}

/**
 * Whether later measurements are no larger than earlier ones. Bytes in use are
 * exact, so medians tell; resident ones go up and down by what the allocator keeps,
 * so they have grown only if the least of the last is above the most of the first.
 */
function returned(name: string, all: number[], exact: boolean): boolean {
  const third = Math.floor(all.length / 3);
  const first = all.slice(0, third);
  const last = all.slice(-third);
  const early = exact ? median(first) : Math.max(...first);
  const late = exact ? median(last) : Math.min(...last);
  const has = late <= early * 1.1 + 1e6;
  console.log(
    `${name}: ${mb(early)} at first, ${mb(late)} at last, ${
      has ? "returned" : "GREW"
    }`,
  );
  return has;
}

function median(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1]!;
}

function mb(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`;
}

const runtimes = options.runtime.split(",");
const each = Number(minutes) * 60_000 / runtimes.length;
let good = true;
for (const runtime of runtimes) {
  good = await soak(runtime, Date.now() + each) && good;
}
Deno.exit(good ? 0 : 1);
