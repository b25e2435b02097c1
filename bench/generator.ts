/**
 * Many clients in one process: bare sockets that count the messages they get.
 * `generator.ts PORT FIRST` takes source addresses from 127.0.FIRST.1 on.
 * @module
 */
import { connect, type Socket } from "node:net";
import process from "node:process";
import { obey } from "./orders.ts";
import { MARK, PATH } from "./subject.ts";

/** How many connections an address makes. */
const PER_ADDRESS = 1_000;

/** How many are being made at a time. */
const AT_ONCE = 50;

const PATIENCE = 60_000;
const MARK_BYTE = MARK.charCodeAt(0);
const [, , port, first] = process.argv;
const sockets: Socket[] = [];
const counts: number[] = [];
let received = 0;
let awaited: { count: number; reached: () => void } | undefined;

function open(index: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host: "127.0.0.1",
      port: Number(port),
      localAddress: `127.0.${first}.${1 + Math.floor(index / PER_ADDRESS)}`,
    });
    sockets[index] = socket;
    counts[index] = 0;
    socket.on("error", reject);
    socket.on("data", (bytes: Uint8Array) => {
      resolve();
      count(index, bytes);
    });
    socket.write(
      `GET ${PATH} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n` +
        "accept: text/event-stream\r\n\r\n",
    );
  });
}

/** Counts marks: one byte a message, so that no boundary can split it. */
function count(index: number, bytes: Uint8Array): void {
  let found = 0;
  for (
    let at = bytes.indexOf(MARK_BYTE);
    at >= 0;
    at = bytes.indexOf(MARK_BYTE, at + 1)
  ) found++;
  counts[index]! += found;
  received += found;
  if (awaited && received >= awaited.count) awaited.reached();
}

await obey({
  /** Opens so many connections; each has had its first bytes then. */
  async open(number) {
    let next = 0;
    const worker = async () => {
      while (next < number) await open(next++);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  },
  /** Waits until so many messages have come in all; true if they did in time. */
  await: (number) =>
    new Promise<boolean>((resolve) => {
      const end = (reached: boolean) => {
        clearTimeout(timer);
        awaited = undefined;
        resolve(reached);
      };
      const timer = setTimeout(end, PATIENCE, false);
      awaited = { count: number, reached: () => end(true) };
      if (received >= number) end(true);
    }),
  /** Messages in all, and what the worst and the best served connection had. */
  count: () => ({
    received,
    least: counts.reduce((a, b) => Math.min(a, b), Infinity),
    most: counts.reduce((a, b) => Math.max(a, b), 0),
  }),
  /** All leave at once. */
  close() {
    for (const socket of sockets) socket.destroy();
    sockets.length = counts.length = received = 0;
  },
});
