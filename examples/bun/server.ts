/**
 * A push server on Bun, at `/push`: `bun examples/bun/server.ts`. Beside it is
 * `halley.service`; put one of `examples/proxy` in front.
 */
import { Hono } from "npm:hono@^4.13.0";
import process from "node:process";
import {
  createEngine,
  createRouter,
  jsonLogger,
  metrics,
  readyz,
} from "../../mod.ts";

const { PORT = "8000", DRAIN = "10000" } = process.env;
// Without a policy everybody may listen, and only this program publishes.
const engine = createEngine({ log: jsonLogger() });
const app = new Hono()
  .get("/metrics", metrics(engine))
  .get("/readyz", readyz(engine))
  // Where a client is, the proxy says.
  .route(
    "/push",
    createRouter(engine, { proxy: { header: "x-forwarded-for" } }),
  );

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
  fetch: app.fetch,
};
