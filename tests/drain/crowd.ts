/**
 * A crowd of clients in one process, on bare sockets: `crowd.ts PORT NUMBER`. Six of
 * ten are bare `EventSource`s, which know nothing but `retry:`; three read NDJSON and
 * heed `close` as Halley's client does; one polls. It says `all there` each time the
 * last of them has been let in.
 * @module
 */
import { connect, type Socket } from "node:net";
import process from "node:process";

/** How many connections an address of this machine makes. */
const PER_ADDRESS = 1_000;

/** How many are being made at a time, at first. */
const AT_ONCE = 50;

type Kind = "sse" | "stream" | "poll";

interface Client {
  readonly index: number;
  readonly kind: Kind;
  /** What it has had of the present answer, as far as it matters. */
  text: string;
  id: string | undefined;
  /** When a bare `EventSource` comes back, in ms. */
  retry: number;
  failures: number;
  there: boolean;
  ended: boolean;
}

const [, , port, number] = process.argv.map(Number);
const total = number!;
let there = 0;

/** What answers the first request of a client: it is in. */
const LET_IN: Record<Kind, RegExp> = {
  sse: /"type":"open"/,
  stream: /"type":"open"/,
  poll: /"messages":\[/,
};

function path(client: Client): string {
  const { kind, id } = client;
  const since = id && kind !== "sse" ? `&since=${id}` : "";
  return `/push/crowd?transport=${kind}${since}`;
}

function visit(client: Client, done: () => void = () => {}): void {
  client.text = "";
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
  client.retry = Number(/^retry: ([0-9]+)$/m.exec(text)?.[1] ?? client.retry);
  if (LET_IN[kind].test(text)) {
    client.failures = 0;
    if (!client.there) {
      client.there = true;
      if (++there === total) console.log("all there");
    }
    // What follows on this stream is looked at by itself.
    if (kind !== "poll") client.text = text.slice(-100);
  }
  const over = kind === "poll"
    ? /\r\n\r\n.*}$/s.test(text)
    : /"type":"close"|\r\n0\r\n\r\n$/.test(text);
  if (over) socket.destroy();
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

const clients = Array.from({ length: total }, (_, index): Client => {
  const kind = index % 10 < 6 ? "sse" : index % 10 < 9 ? "stream" : "poll";
  const fields = { text: "", id: undefined, retry: 3_000, failures: 0 };
  return { index, kind, ...fields, there: false, ended: false };
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
