/**
 * HTTPS with HTTP/2, at `/push`, under Deno or Bun: `KEY=key.pem CERT=cert.pem deno run -A
 * examples/tls.ts`. Over HTTP/1.1 a browser opens six connections to a host, so six
 * streams in all its tabs; over HTTP/2 they share one connection.
 */
import { readFileSync } from "node:fs";
import { Hono } from "npm:hono@^4.13.0";
import process from "node:process";
import { createEngine, createRouter } from "../mod.ts";

const { HOST = "0.0.0.0", PORT = "8443" } = process.env;
const { KEY = "key.pem", CERT = "cert.pem" } = process.env;
const key = readFileSync(KEY, "utf8");
const cert = readFileSync(CERT, "utf8");
const engine = createEngine();
const { fetch } = new Hono().route("/push", createRouter(engine));

const clock = setInterval(() => engine.publish("time", new Date()), 1_000);
engine.signal.addEventListener("abort", () => clearInterval(clock));

const address = { hostname: HOST, port: Number(PORT) };
if ("Deno" in globalThis) {
  // Whoever offers it by ALPN gets HTTP/2.
  Deno.serve({ ...address, key, cert }, fetch);
} else {
  // deno-lint-ignore no-explicit-any
  const { Bun } = globalThis as any;
  const server = Bun.serve({
    ...address,
    tls: { key, cert },
    http2: true,
    fetch,
  });
  console.log(`Listening on https://localhost:${server.port}/`);
}

process.once("SIGTERM", async () => {
  await engine.close({ over: 2_000 });
  setTimeout(() => process.exit(0), 500);
});
