/**
 * A push server as Deno Deploy and `deno serve` run it:
 * `deno serve -A --unstable-kv examples/deno_deploy.ts`.
 *
 * Deploy starts several instances. What makes them one is the backplane: Redis, if
 * `REDIS_URL` names one, and else Deno KV, which Deploy has built in. It keeps an
 * instance while responses are open; when it takes one away it sends SIGINT and kills
 * 5 s later, so the drain ends before that.
 */
import { createEngine, createRouter, denoKv, redis } from "../mod.ts";
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

const engine = createEngine({
  backplane: await openBackplane(),
  // Clients move to new instances within the hour.
  maxAge: 3_600_000,
  policy: {
    // Whoever is to publish over HTTP should be told from others: see the README.
    allow: (action) => !action.startsWith("send"),
  },
});
const push = createRouter(engine);
const alive = healthz();
const ready = readyz(engine);

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, async () => {
    await engine.close({ over: 3_000 });
    // A moment to read what has been written.
    setTimeout(() => Deno.exit(), 500);
  });
}

export default {
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/healthz") return alive();
    if (pathname === "/readyz") return ready();
    return push.fetch(request);
  },
} satisfies Deno.ServeDefaultExport;
