/**
 * The server process under Node, `node_server.js MODULE EXPORT HEARTBEAT`: what
 * `server.ts` is to fetch handlers, for programs that take Node's requests. Plain
 * JavaScript, since not every Node that people have runs TypeScript.
 *
 * The program has `handle(request, response)`, `publish(channel, text)`, which
 * resolves when it is published, and `size()`. One publishes as everywhere:
 * `POST /push/CHANNEL`.
 * @module
 */
import { createServer } from "node:http";
import process from "node:process";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";

const PUBLISH = "/push/";

const [, , module, name, heartbeat] = process.argv;
const { [name]: make } = await import(module);
const program = await make({ heartbeat: Number(heartbeat) });

const server = createServer((request, response) => {
  if (request.url === "/healthz") response.end("ok");
  else if (!request.url.startsWith(PUBLISH)) program.handle(request, response);
  else publish(request, response);
});
// As the others are run: nobody is sent away for being silent.
server.keepAliveTimeout = 0;
await new Promise((resolve) => {
  server.listen({ port: 0, host: "127.0.0.1", backlog: 4_096 }, resolve);
});

async function publish(request, response) {
  try {
    const channel = decodeURIComponent(request.url.slice(PUBLISH.length));
    await program.publish(channel, await text(request));
    response.setHeader("content-type", "application/json").end("{}");
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
}

/** See `orders.ts`. */
const orders = {
  port: () => server.address().port,
  size: () => program.size(),
  clock: () => performance.timeOrigin + performance.now(),
  /** In several turns: what ends in one is freed in the next. */
  async gc() {
    for (let i = 0; i < 4; i++) {
      globalThis.gc();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  },
};

async function obey({ id, name }) {
  const value = await orders[name]();
  process.stdout.write(`${JSON.stringify({ id, value })}\n`);
}

// Ctrl-C reaches the whole group; the controller ends this process in good order.
process.on("SIGINT", () => {});
for await (const line of createInterface({ input: process.stdin })) {
  void obey(JSON.parse(line));
}
process.exit(0);
