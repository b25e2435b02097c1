/**
 * Halley as its stand-alone server mounts it, with its defaults, from any copy of
 * the repository.
 * @module
 */
import type { Backplane } from "../../mod.ts";
import type { Served, ServedOptions } from "./served.ts";

/** Makes it from the repository at `root`. */
export async function halley(
  { heartbeat, redis }: ServedOptions,
  root: string,
): Promise<Served> {
  const { bayeux, createEngine, createRouter } = await import(
    `${root}mod.ts`
  ) as typeof import("../../mod.ts");
  const { App } = await import(
    `${root}src/deps.ts`
  ) as typeof import("../../src/deps.ts");
  const backplane = redis === undefined ? undefined : await over(redis, root);
  const engine = createEngine({
    heartbeat,
    ...(backplane && { backplane }),
    // Who has left shall be gone soon: what stays is looked for.
    linger: 1_000,
    policy: { allow: () => true },
  });
  const app = new App()
    .get("/healthz", (c) => c.text("ok"))
    .route("/push", createRouter(engine));
  // Copies from before there was Bayeux have none.
  const sessions = bayeux?.({ timeout: heartbeat, maxInterval: heartbeat });
  if (sessions) app.route("/cometd", sessions.router(engine));
  return {
    fetch: (request, env) => app.fetch(request, env as Record<string, unknown>),
    size: () => engine.connections.size,
  };
}

/** As `HALLEY_REDIS` does; only then is a client of it loaded. */
async function over(at: string, root: string): Promise<Backplane | undefined> {
  const { openBackplane } = await import(
    `${root}src/storage.ts`
  ) as typeof import("../../src/storage.ts");
  return openBackplane({ storage: { kind: "HALLEY_REDIS", at }, engine: {} });
}
