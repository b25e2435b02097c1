/** A push server on Node 22: `npm install && npm start`. */
import { serve } from "@hono/node-server";
import {
  createEngine,
  createRouter,
  jsonLogger,
  metrics,
  readyz,
} from "@halley/halley";
import process from "node:process";

const engine = createEngine({ log: jsonLogger() });
const push = createRouter(engine);
const read = metrics(engine);
const ready = readyz(engine);

const clock = setInterval(() => engine.publish("time", new Date()), 1_000);
engine.signal.addEventListener("abort", () => clearInterval(clock));

const server = serve({
  port: Number(process.env.PORT ?? 8000),
  hostname: "127.0.0.1",
  fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/metrics") return read();
    if (pathname === "/readyz") return ready();
    return push.fetch(request, env);
  },
}, ({ port }) => console.log(`listening on port ${port}`));

process.once("SIGTERM", async () => {
  await engine.close({ over: Number(process.env.DRAIN ?? 10_000) });
  server.close();
  // Whoever still holds a socket has been told.
  setTimeout(() => process.exit(0), 1_000).unref();
});
