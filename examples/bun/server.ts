/** A push server on Bun: `bun examples/bun/server.ts`; see `halley.service` beside it. */
import process from "node:process";
import {
  createEngine,
  createRouter,
  jsonLogger,
  metrics,
  readyz,
} from "../../mod.ts";

const { PORT = "8000", DRAIN = "10000" } = process.env;
const engine = createEngine({
  log: jsonLogger(),
  policy: {
    // Whoever is to publish over HTTP must be told from others: see the README.
    allow: (action) => action === "subscribe" || action === "history",
  },
});
const push = createRouter(engine);
const read = metrics(engine);
const ready = readyz(engine);

let ending = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, async () => {
    if (ending) process.exit(1);
    ending = true;
    await engine.close({ over: Number(DRAIN), downtime: 2_000 });
    setTimeout(() => process.exit(0), 1_000);
  });
}

const clock = setInterval(() => engine.publish("time", new Date()), 1_000);
engine.signal.addEventListener("abort", () => clearInterval(clock));

export default {
  port: Number(PORT),
  hostname: "127.0.0.1",
  fetch(request: Request, server: unknown): Response | Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/metrics") return read();
    if (pathname === "/readyz") return ready();
    return push.fetch(request, server as Record<string, unknown>);
  },
};
