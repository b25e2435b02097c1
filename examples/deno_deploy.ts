/**
 * A push server as Deno Deploy and `deno serve` run it: `deno serve examples/deno_deploy.ts`.
 *
 * Deploy starts several instances, and each has only its own messages until they share
 * a backplane: pass one to `createEngine` (Deno KV, which Deploy has built in, or
 * Redis). It keeps an instance while responses are open; when it takes one away it
 * sends SIGINT and kills 5 s later, so the drain ends before that.
 */
import { createEngine, createRouter, healthz, readyz } from "../mod.ts";

const engine = createEngine({
  // Clients move to new instances within the hour.
  maxAge: 3_600_000,
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
