/**
 * A push server as Deno Deploy and `deno serve` run it, at `/push`:
 * `JWT_SECRET=… deno serve -A --unstable-kv examples/deno_deploy.ts`.
 *
 * Deploy starts several instances. What makes them one is the backplane: Redis, if
 * `REDIS_URL` names one, and else Deno KV, which Deploy has built in. It keeps an
 * instance while responses are open; when it takes one away it sends SIGINT and kills
 * 5 s later, so the drain ends before that.
 */
import { Hono } from "npm:hono@^4.13.0";
import { createEngine, createRouter, denoKv, jwt, redis } from "../mod.ts";
import { healthz, readyz } from "../mod.ts";
import type { Backplane } from "../mod.ts";

async function openBackplane(): Promise<Backplane> {
  const url = Deno.env.get("REDIS_URL");
  if (url === undefined) {
    return denoKv({ kv: await Deno.openKv(Deno.env.get("KV_PATH")) });
  }
  const { createClient } = await import("npm:redis@^6.3.1");
  return redis({ client: createClient({ url }) });
}

const secret = Deno.env.get("JWT_SECRET");
const engine = createEngine({
  backplane: await openBackplane(),
  // Clients move to new instances within the hour.
  maxAge: 3_600_000,
  // Tokens say who may listen and publish; without, nobody publishes over HTTP.
  policy: secret ? jwt({ secret }) : {},
});
const app = new Hono()
  .get("/healthz", healthz())
  .get("/readyz", readyz(engine))
  .route("/push", createRouter(engine));

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, async () => {
    await engine.close({ over: 3_000 });
    // A moment to read what has been written.
    setTimeout(() => Deno.exit(), 500);
  });
}

export default {
  // `info` says where a request comes from, for `limits.address`.
  fetch: (request, info) => app.fetch(request, info),
} satisfies Deno.ServeDefaultExport;
