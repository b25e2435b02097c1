/**
 * What load balancers and orchestrators ask: whether a server is alive, and whether
 * it is ready for clients. To be mounted wherever one likes.
 * @module
 */
import type { Engine } from "../engine.ts";

const HEADERS = { "cache-control": "no-store" };

/** Answers 200 as long as the process answers at all: it need not be restarted. */
export function healthz(): () => Response {
  return () => new Response("alive\n", { headers: HEADERS });
}

/**
 * Answers 200 if the engine is ready for clients, and else 503 with the reason:
 * `starting`, `draining` (it is being closed), or `backplane` (that has not answered
 * within a second).
 */
export function readyz(engine: Engine): () => Promise<Response> {
  return async () => {
    const state = await engine.node.health.check();
    const status = state === "ready" ? 200 : 503;
    return new Response(`${state}\n`, { status, headers: HEADERS });
  };
}
