/**
 * Serves `main.ts` under `deno run`, which `deno task start` uses so that `HOST`
 * and `PORT` count (`deno serve` goes by its own flags).
 * @module
 */
import server, { greet } from "./main.ts";

const { port, hostname } = server;
Deno.serve({
  port,
  hostname,
  onListen: (address) => greet(address.port),
}, server.fetch);
