/**
 * What can be measured: THE TABLE TO EXTEND with another program. One that speaks
 * another protocol takes a dialect as well (see `load/dialects.ts`); its publishes
 * are a `POST` with the message as body, whatever its clients speak. One for Node
 * is a module that `node_server.js` runs.
 * @module
 */
import { existsSync } from "node:fs";
import { Child, start } from "../child.ts";
import { find } from "../services.ts";
import { command, type Runtime, versionOf } from "../runtimes.ts";
import { many } from "./many.ts";
import { hasNchan, nchan } from "./nchan.ts";

/** How a response is parked. */
export type Transport = "sse" | "stream" | "poll";

/** A server that is running. */
export interface Server {
  /** Its processes; none where they are not known. */
  readonly pids: readonly number[];
  readonly address: string;
  readonly port: number;
  /** Takes `size` and `gc`, if it takes orders. */
  readonly orders: Pick<Child, "tell"> | undefined;
  end(): Promise<void>;
}

/** A program that can be measured. */
export interface Subject {
  readonly name: string;
  readonly title: string;
  readonly runtimes: readonly Runtime[];
  /** How clients speak to it. */
  readonly dialects: Partial<Record<Transport, string>>;
  /** Paths, see `pathOf`: to subscribe, to publish, and to send to `{id}`. */
  readonly subscribe: string;
  readonly publish: string;
  readonly direct: string | undefined;
  /** Whether a direct message takes a channel per client. */
  readonly ownChannels: boolean;
  /** Whether it brings what was missed. */
  readonly resumes: boolean;
  /** The npm package that it is, if it is one. */
  readonly from?: string;
  /** What answers at once. */
  readonly health: string | undefined;
  /** Whether it is installed. */
  available(runtime: Runtime): boolean;
  start(
    runtime: Runtime,
    heartbeat: number,
    connections: number,
  ): Promise<Server>;
}

const SERVER = new URL("./server.ts", import.meta.url);
const ROOT = new URL("../../", import.meta.url).pathname;

/** A fetch handler run by `server.ts`, or something else by a server of its own. */
export function served(
  name: string,
  title: string,
  module: URL,
  more: Partial<Subject> & { exported?: string; root?: string; server?: URL },
): Subject {
  return {
    name,
    title,
    runtimes: ["bun", "deno"],
    dialects: { sse: "sse" },
    subscribe: "/push?{query}",
    publish: "/push/{channel}",
    direct: "/push/{channel}?to={id}",
    ownChannels: false,
    resumes: false,
    health: "/healthz",
    available: (runtime) => versionOf(runtime) !== undefined,
    async start(runtime, heartbeat) {
      const args = [module.href, more.exported ?? name, String(heartbeat)];
      const child = new Child(
        [
          ...command(runtime, more.server ?? SERVER),
          ...args,
          more.root ?? ROOT,
        ],
      );
      const port = await child.tell<number>("port");
      const end = () => child.end();
      const pids = [child.pid];
      return { pids, address: "127.0.0.1", port, orders: child, end };
    },
    ...more,
  };
}

function here(file: string): URL {
  return new URL(file, import.meta.url);
}

const ALL = { sse: "sse", stream: "stream", poll: "poll" };

/** Halley, from the repository at `root`. */
export function halleyAt(name: string, root = ROOT): Subject {
  const more = { exported: "halley", root, dialects: ALL, resumes: true };
  const title = name === "halley" ? "Halley" : name;
  return served(name, title, here("./halley.ts"), more);
}

const nchanSubject: Subject = {
  name: "nchan",
  title: "nchan (nginx)",
  runtimes: ["native"],
  dialects: { sse: "sse", poll: "nchan-poll" },
  subscribe: "/sub/{channels}",
  publish: "/pub/{channel}",
  direct: "/pub/{id}",
  ownChannels: true,
  resumes: true,
  health: "/healthz",
  available: hasNchan,
  async start(_runtime, heartbeat) {
    const { command, port, clean } = await nchan(heartbeat);
    const process = start(command);
    const gone = new Promise<void>((resolve) => {
      process.once("exit", () => resolve());
    });
    process.stdout!.resume();
    await answers(port);
    const end = async () => {
      process.kill("SIGKILL");
      await gone;
      clean();
    };
    const pids = [process.pid!];
    return { pids, address: "127.0.0.1", port, orders: undefined, end };
  },
};

/** Halley as several processes over Redis. */
const manySubject: Subject = {
  ...halleyAt("many"),
  title: "Halley × processes",
  available: (runtime) =>
    versionOf(runtime) !== undefined && find("redis-server") !== undefined,
  start: (runtime, heartbeat, connections) =>
    many(
      [
        // Deno calls a shared port unstable, but for `deno serve --parallel`.
        ...command(runtime, SERVER, "--unstable-net"),
        ...[here("./halley.ts").href, "halley"],
      ],
      [String(heartbeat), ROOT],
      connections,
    ),
};

/**
 * What every program that speaks Bayeux has in common. Each holds a connect for a
 * heartbeat, and gives a session up after two at most.
 */
const BAYEUX = {
  dialects: { poll: "bayeux" },
  subscribe: "/cometd",
  direct: undefined,
};

/** A Bayeux server for Node, where Node and its package (`bun install`) are. */
function onNode(name: string, title: string, file: string, from: string) {
  return served(name, title, here(file), {
    ...BAYEUX,
    from,
    exported: "program",
    runtimes: ["node"],
    server: here("./node_server.js"),
    available: (runtime) =>
      versionOf(runtime) !== undefined &&
      existsSync(`${ROOT}node_modules/${from}`),
  });
}

/** All of them by name; the first is what the others are divided by. */
export const subjects: readonly Subject[] = [
  served("raw", "raw", here("./raw.ts"), {
    dialects: ALL,
  }),
  halleyAt("halley"),
  served("hono", "Hono streamSSE", here("./hono.ts"), { from: "hono" }),
  served("better-sse", "better-sse", here("./better_sse.ts"), {
    exported: "betterSse",
    from: "better-sse",
  }),
  nchanSubject,
  manySubject,
  served("halley-bayeux", "Halley, Bayeux", here("./halley.ts"), {
    ...BAYEUX,
    exported: "halley",
    resumes: true,
  }),
  onNode("cometd", "CometD", "./cometd.js", "cometd-nodejs-server"),
  onNode("faye", "Faye", "./faye.js", "faye"),
];

/** Waits until something answers on a port. */
async function answers(port: number): Promise<void> {
  for (let tries = 0;; tries++) {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/healthz`);
      return await response.body?.cancel();
    } catch (error) {
      if (tries === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
