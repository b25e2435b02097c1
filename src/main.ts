/**
 * The stand-alone server: the native protocol at `/push`, others at their own paths,
 * set up by environment variables. Its default export serves under `deno serve` and
 * `bun run`; for `deno run`, which serves nothing by itself, there is `start.ts`.
 * @module
 */
import { peerOf } from "./auth/address.ts";
import { isLoopback, LOOPBACK, readConfig } from "./config.ts";
import { App, process } from "./deps.ts";
import { createEngine } from "./engine.ts";
import { PushError } from "./errors.ts";
import { hostAllowed, problem } from "./http.ts";
import { jsonLogger } from "./operate/logger.ts";
import { servePage } from "./page/serve.ts";
import type { Policy } from "./policy.ts";
import { healthz, readyz } from "./operate/probes.ts";
import { metrics } from "./operate/prometheus.ts";
import { bayeux } from "./protocol/bayeux.ts";
import { comet4j } from "./protocol/comet4j.ts";
import { createRouter, mountAll } from "./router.ts";
import { openBackplane } from "./storage.ts";

/** How long clients get to read their `close` frames, in ms. */
const GRACE = 1_000;
/** How long it waits for its storage before it listens all the same, in ms. */
const PATIENCE = 5_000;

const everybody: Policy = { allow: () => true };
const config = await attempt(() => readConfig(process.env));
const log = config.log && jsonLogger(config.log);
const protocols = await attempt(() => [
  bayeux(),
  comet4j({ channels: config.channels }),
]);
const engine = await attempt(async () => {
  const backplane = await openBackplane(config);
  return createEngine({
    ...config.engine,
    ...(backplane && { backplane }),
    ...(log && { log }),
    policy: config.policy ?? everybody,
  });
});
const read = metrics(engine);
const app = new App()
  .get("/healthz", healthz())
  .get("/readyz", readyz(engine))
  .get(
    "/metrics",
    async (c, next) =>
      config.metrics || isOwn(c.req.raw, c.env) ? await read() : await next(),
  )
  .route("/push", await attempt(() => createRouter(engine, config.router)));
mountAll(app, protocols, engine, config.router);
app.notFound(async (c) => {
  const page = await servePage(c.req.path);
  if (page) return page;
  const detail = "The channels are at /push: GET /push/CHANNEL.";
  return problem(new PushError("not_found", detail));
});

let leaving = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => void shutdown());
}
await storageReady();
// After the server listens, or has failed to.
if (import.meta.main) setTimeout(() => greet());

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
  // Unless it is false Bun shares a port that is taken, and half the clients of
  // servers without a common backplane hear nothing.
  reusePort: config.reusePort,
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

/** Whether this machine asks, and no page whose name was made to point to it. */
function isOwn(request: Request, env: unknown): boolean {
  const address = peerOf(request, env);
  if (address !== undefined && !isLoopback(address)) return false;
  return hostAllowed(request, { hosts: config.router.hosts ?? LOOPBACK });
}

/** What `make` returns; a reason why it cannot is for people, and the end. */
async function attempt<T>(make: () => T | Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    console.error(`halley: ${(error as Error).message}`);
    process.exit(1);
  }
}

/**
 * Waits until it can serve: where processes share a port, requests come as soon as it
 * listens. If that takes long it listens and refuses them, so that probes see why.
 */
async function storageReady(): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(() => {
    const what = config.storage?.kind;
    console.error(
      `halley: ${what} does not answer: all is refused until it does`,
    );
    resolve();
  }, PATIENCE);
  // It rejects if a signal ends all meanwhile.
  await Promise.race([engine.ready(), late]).catch(() => {});
  clearTimeout(timer);
  // Nobody is to come any more: the end is near.
  if (leaving) await new Promise(() => {});
}

/** What people read when it listens. */
function banner(port: number): string {
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

/** Says where it listens: a line of JSON if events are, and else for people. */
export function greet(port: number = config.port): void {
  const { host: hostname } = config;
  const fields = { level: "info", event: "listen", hostname, port } as const;
  if (log) log({ time: Date.now(), ...fields });
  else console.log(banner(port));
}

async function shutdown(): Promise<void> {
  if (leaving) process.exit(1);
  leaving = true;
  const { over = 0 } = config.close;
  // In time, whoever hangs.
  setTimeout(() => process.exit(0), over + GRACE);
  await engine.close(config.close);
  setTimeout(() => process.exit(0), GRACE);
}
