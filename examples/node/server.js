/**
 * A push server on Node 22, at `/push`: `npm install && npm start`; put one of
 * `examples/proxy` in front.
 */
import { serve } from "@hono/node-server";
import {
  createEngine,
  createRouter,
  jsonLogger,
  metrics,
  readyz,
} from "@halley/halley";
import { Hono } from "hono";
import process from "node:process";

// Without a policy everybody may listen, and only this program publishes.
const engine = createEngine({ log: jsonLogger() });
const app = new Hono()
  .get("/metrics", metrics(engine))
  .get("/readyz", readyz(engine))
  // Where a client is, the proxy says.
  .route("/push", createRouter(engine, { proxy: { header: "x-forwarded-for" } }));

const clock = setInterval(() => engine.publish("time", new Date()), 1_000);
engine.signal.addEventListener("abort", () => clearInterval(clock));

const server = serve({
  port: Number(process.env.PORT ?? 8000),
  hostname: "127.0.0.1",
  fetch: app.fetch,
}, ({ port }) => console.log(`listening on port ${port}`));

process.once("SIGTERM", async () => {
  await engine.close({ over: Number(process.env.DRAIN ?? 10_000) });
  server.close();
  // Whoever still holds a socket has been told.
  setTimeout(() => process.exit(0), 1_000).unref();
});
