/**
 * Ports for programs that have to be told where to listen.
 * @module
 */
import { createServer } from "node:net";

/**
 * From here on, so many. The system gives away others by itself: one of those may be
 * somebody else's before the program listens that it was meant for.
 */
const FIRST = 10_000;
const COUNT = 8_000;

let next = Math.floor(Math.random() * COUNT);

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = FIRST + next++ % COUNT;
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
