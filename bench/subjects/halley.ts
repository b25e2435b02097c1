/**
 * Halley as its stand-alone server mounts it, with its defaults, from any copy of
 * the repository.
 * @module
 */
import type { Served } from "./served.ts";

/** Makes it from the repository at `root`. */
export async function halley(
  { heartbeat }: { heartbeat: number },
  root: string,
): Promise<Served> {
  const { bayeux, createEngine, createRouter } = await import(
    `${root}mod.ts`
  ) as typeof import("../../mod.ts");
  const { App } = await import(
    `${root}src/deps.ts`
  ) as typeof import("../../src/deps.ts");
  const engine = createEngine({
    heartbeat,
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
