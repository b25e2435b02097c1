/**
 * The stand-alone server: the native protocol at `/push`, others at their own paths,
 * set up by environment variables. Its default export serves under `deno serve` and
 * `bun run`; for `deno run`, which serves nothing by itself, there is `start.ts`.
 * @module
 */
import { peerOf } from "./address.ts";
import { sqlite } from "./backplane/sqlite.ts";
import { type Config, isLoopback, readConfig } from "./config.ts";
import { App, process } from "./deps.ts";
import { createEngine } from "./engine.ts";
import { PushError } from "./errors.ts";
import { problem } from "./http.ts";
import type { EngineOptions } from "./options.ts";
import { servePage } from "./page/serve.ts";
import type { Policy } from "./policy.ts";
import { comet4j } from "./protocol/comet4j.ts";
import { createRouter, mountAll } from "./router.ts";

/** How long clients get to read their `close` frames, in ms. */
const GRACE = 1_000;

const everybody: Policy = { allow: () => true };
const config = attempt(() => readConfig(process.env));
const protocols = attempt(() => [comet4j({ channels: config.channels })]);
const engine = attempt(() =>
  createEngine({
    ...config.engine,
    ...storage(config),
    policy: config.policy ?? everybody,
  })
);
const app = new App()
  .get("/healthz", (c) => c.text("ok"))
  .route("/push", createRouter(engine, config.router));
mountAll(app, protocols, engine, config.router);
app.notFound(async (c) => {
  const page = await servePage(c.req.path);
  if (page) return page;
  const detail = "The channels are at /push: GET /push/CHANNEL.";
  return problem(new PushError("not_found", detail));
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => void shutdown());
}
// After the server listens, or has failed to.
if (import.meta.main) setTimeout(() => console.log(banner()));

/** What `deno serve` and Bun ask for. */
interface Server {
  readonly port: number;
  readonly hostname: string;
  readonly development: boolean;
  readonly reusePort: boolean;
  fetch(request: Request, env?: unknown): Response | Promise<Response>;
}

/** The server. */
export default {
  port: config.port,
  hostname: config.host,
  development: false,
  // Without this Bun shares a port that is taken: half the clients hear nothing.
  reusePort: false,
  fetch(request, env) {
    // `deno serve` listens where its own --host says, whatever HOST is.
    const address = peerOf(request, env);
    const open = config.insecure || config.policy !== undefined;
    if (!open && address !== undefined && !isLoopback(address)) {
      const detail =
        "This server is for its own machine; see HALLEY_JWT_SECRET.";
      return problem(new PushError("forbidden", detail));
    }
    return app.fetch(request, env as Record<string, unknown> | undefined);
  },
} satisfies Server as Server;

/** What keeps the messages, if a file was named. */
function storage({ data, engine }: Config): Pick<EngineOptions, "backplane"> {
  if (data === undefined) return {};
  return { backplane: sqlite({ path: data, history: engine.history ?? {} }) };
}

/** What `make` returns; a reason why it cannot is for people, and the end. */
function attempt<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    console.error(`halley: ${(error as Error).message}`);
    process.exit(1);
  }
}

/** What people read when it listens. */
export function banner(port: number = config.port): string {
  const url = `http://${config.host}:${port}/push`;
  const publish = config.policy
    ? "Tokens say who may listen and publish"
    : config.local
    ? "Anyone on this machine may publish"
    : "ANYONE WHO REACHES THIS ADDRESS MAY PUBLISH (HALLEY_INSECURE=1)";
  return `Halley at ${url}
  listen:   curl -N ${url}/news
  publish:  curl -d hello ${url}/news
  watch:    ${url.replace(/push$/, "")}
${publish}.`;
}

let leaving = false;

async function shutdown(): Promise<void> {
  if (leaving) process.exit(1);
  leaving = true;
  setTimeout(() => process.exit(0), GRACE);
  await engine.close();
}
