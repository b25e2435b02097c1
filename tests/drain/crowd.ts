/**
 * A crowd of clients in one process, on bare sockets: `crowd.ts PORT NUMBER`. Six of
 * ten are bare `EventSource`s, which know nothing but `retry:`; three read NDJSON and
 * heed `close` as Halley's client does; one polls. Each time the last of them has been
 * let in, it says how many came in each second, by the time at which they set out, and
 * how late it was itself at worst, in ms.
 * @module
 */
import { connect, type Socket } from "node:net";
import process from "node:process";

/** How many connections an address of this machine makes. */
const PER_ADDRESS = 1_000;

/** How many are being made at a time, at first. */
const AT_ONCE = 50;

/** When a crowd that waits for somebody gives up, in ms. */
const PATIENCE = 150_000;

/** How often it looks how late it is, in ms. */
const LOOK = 10;

type Kind = "sse" | "stream" | "poll";

interface Client {
  readonly index: number;
  readonly kind: Kind;
  /** What it has had of the present answer, as far as it matters. */
  text: string;
  id: string | undefined;
  /** What reclaims its connection, if it polls. */
  key: string | undefined;
  /** When it set out last, in ms since 1970. */
  since: number;
  /** When a bare `EventSource` comes back, in ms. */
  retry: number;
  failures: number;
  there: boolean;
  ended: boolean;
}

const [, , port, number] = process.argv.map(Number);
const total = number!;
let there = 0;
/** When those who have been let in set out, in ms since 1970. */
let came: number[] = [];
let rounds = 0;

/** How late the timers of this process were at worst, in ms. */
let late = 0;
let looked = Date.now();
setInterval(() => {
  late = Math.max(late, Date.now() - looked - LOOK);
  looked = Date.now();
}, LOOK);

/** What answers the first request of a client: it is in. */
const LET_IN: Record<Kind, RegExp> = {
  sse: /"type":"open"/,
  stream: /"type":"open"/,
  poll: /"messages":\[/,
};

function path(client: Client): string {
  const { kind, id, key } = client;
  const since = id && kind !== "sse" ? `&since=${id}` : "";
  const own = key && kind === "poll" ? `&key=${key}` : "";
  return `/push/crowd?transport=${kind}${since}${own}`;
}

function visit(client: Client, done: () => void = () => {}): void {
  client.text = "";
  client.since = Date.now();
  client.ended = false;
  const socket = connect({
    host: "127.0.0.1",
    port: port!,
    localAddress: `127.0.1.${1 + Math.floor(client.index / PER_ADDRESS)}`,
  });
  const last = client.kind === "sse" && client.id
    ? `last-event-id: ${client.id}\r\n`
    : "";
  socket.write(
    `GET ${path(client)} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n${last}\r\n`,
  );
  socket.on("data", (bytes: Uint8Array) => {
    take(client, socket, new TextDecoder().decode(bytes));
    done();
  });
  socket.on("error", () => {});
  socket.on("close", () => {
    done();
    end(client);
  });
}

function take(client: Client, socket: Socket, part: string): void {
  client.text += part;
  const { text, kind } = client;
  client.id = /"id":"([^"]+)"/g.exec(text)?.[1] ?? client.id;
  client.key = /"key":"([^"]+)"/.exec(text)?.[1] ?? client.key;
  client.retry = Number(/^retry: ([0-9]+)$/m.exec(text)?.[1] ?? client.retry);
  if (LET_IN[kind].test(text)) {
    client.failures = 0;
    if (!client.there) {
      client.there = true;
      came.push(client.since);
      if (++there === total) tell();
    }
    // What follows on this stream is looked at by itself.
    if (kind !== "poll") client.text = text.slice(-100);
  }
  const over = kind === "poll"
    ? /\r\n\r\n.*}$/s.test(text)
    : /"type":"close"|\r\n0\r\n\r\n$/.test(text);
  if (over) socket.destroy();
}

function tell(): void {
  const first = came.reduce((a, b) => Math.min(a, b), Infinity);
  const seconds: number[] = [];
  for (const time of came) {
    const second = Math.floor((time - first) / 1_000);
    seconds[second] = (seconds[second] ?? 0) + 1;
  }
  came = [];
  const again = rounds++ > 0 ? " again" : "";
  const all = Array.from(seconds, (number) => number ?? 0);
  console.log(`all there${again}, ${late} late: ${all}`);
  late = 0;
}

/** Its answer is over, or it got none: when it comes again. */
function end(client: Client): void {
  if (client.ended) return;
  client.ended = true;
  const { text, kind } = client;
  const answered = kind === "poll" && LET_IN.poll.test(text);
  if (answered) return visit(client);
  if (client.there) {
    client.there = false;
    there--;
  }
  const seconds = /^retry-after: ([0-9]+)\r$/im.exec(text)?.[1];
  const after = /"after":([0-9]+)/.exec(text)?.[1] ??
    Number(seconds ?? 0) * 1e3;
  const jitter = Math.random() * Math.min(30_000, 500 * 2 ** client.failures++);
  const wait = kind === "sse" ? client.retry : Number(after) + jitter;
  setTimeout(visit, wait, client);
}

setTimeout(() => process.exit(1), PATIENCE);
const clients = Array.from({ length: total }, (_, index): Client => {
  const kind = index % 10 < 6 ? "sse" : index % 10 < 9 ? "stream" : "poll";
  const fields = { text: "", since: 0, retry: 3_000, failures: 0 };
  const unknown = { id: undefined, key: undefined };
  return { index, kind, ...fields, ...unknown, there: false, ended: false };
});
let next = 0;
const begin = (): void => {
  const client = clients[next++];
  if (!client) return;
  let begun = false;
  visit(client, () => {
    if (begun) return;
    begun = true;
    begin();
  });
};
for (let i = 0; i < AT_ONCE; i++) begin();
