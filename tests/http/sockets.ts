/**
 * HTTP as bytes: what `fetch` would normalise, or never send, or hide.
 * @module
 */
import { connect, createServer, type Socket } from "node:net";

/** One end of a TCP connection to a server under test. */
export class Raw {
  readonly socket: Socket;
  readonly #parts: Uint8Array[] = [];
  /** Whether the other side has ended it. */
  ended = false;
  #look: () => void = () => {};

  /** Use {@linkcode Raw.open}. */
  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (bytes: Uint8Array) => {
      this.#parts.push(bytes);
      this.#look();
    });
    const end = () => {
      this.ended = true;
      this.#look();
    };
    socket.on("end", end).on("close", end).on("error", end);
  }

  /** Connects to `port` of this machine. */
  static async open(port: number): Promise<Raw> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const socket = connect({ port, host: "127.0.0.1" }, resolve);
    socket.once("error", reject);
    await promise;
    return new Raw(socket);
  }

  /** Everything that has come so far. */
  get bytes(): Uint8Array {
    return concat(this.#parts);
  }

  /** The same as text. */
  get text(): string {
    return new TextDecoder().decode(this.bytes);
  }

  /** Sends text as UTF-8, or bytes as they are. */
  send(data: string | Uint8Array): this {
    this.socket.write(data);
    return this;
  }

  /** Everything so far, as soon as `found` holds, or the end has come. */
  async until(found: () => boolean): Promise<string> {
    while (!this.ended && !found()) {
      await new Promise<void>((resolve) => this.#look = resolve);
    }
    return this.text;
  }

  /** Everything, when the other side has ended it. */
  end(): Promise<string> {
    return this.until(() => false);
  }

  /** Ends it at once. */
  close(): void {
    this.socket.destroy();
  }

  /** Ends it at once. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** An answer as it came. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/** The answer in `bytes`, or `undefined` if it is not complete yet. */
export function readAnswer(
  bytes: Uint8Array,
  head = false,
): Answer | undefined {
  const text = new TextDecoder("latin1").decode(bytes);
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [first = "", ...lines] = text.slice(0, end).split("\r\n");
  const status = Number(first.split(" ")[1]);
  const headers = new Headers(lines.map((line): [string, string] => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  }));
  if (head || status === 204) return { status, headers, body: "" };
  const length = headers.get("content-length");
  const rest = bytes.length - end - 4;
  if (length === null ? !text.endsWith("0\r\n\r\n") : rest < Number(length)) {
    return undefined;
  }
  return { status, headers, body: new TextDecoder().decode(bodyOf(bytes)) };
}

/** The body of an answer, chunked or not, as far as it has come. */
export function bodyOf(answer: Uint8Array): Uint8Array {
  const text = new TextDecoder("latin1").decode(answer);
  const start = text.indexOf("\r\n\r\n") + 4;
  if (start < 4) return new Uint8Array();
  if (!/^transfer-encoding: *chunked\r$/im.test(text.slice(0, start))) {
    return answer.subarray(start);
  }
  const parts: Uint8Array[] = [];
  for (let at = start;;) {
    const line = text.indexOf("\r\n", at);
    const size = line < 0 ? 0 : parseInt(text.slice(at, line), 16);
    if (!(size > 0)) return concat(parts);
    parts.push(answer.subarray(line + 2, line + 2 + size));
    at = line + 4 + size;
  }
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(
    parts.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Sends the bytes of one request on a connection of its own; its whole answer. */
export async function exchange(
  port: number,
  request: string | Uint8Array,
): Promise<Answer> {
  using raw = await Raw.open(port);
  const head = typeof request === "string" && request.startsWith("HEAD ");
  raw.send(request);
  await raw.until(() => readAnswer(raw.bytes, head) !== undefined);
  const answer = readAnswer(raw.bytes, head);
  if (answer) return answer;
  throw new Error(`It ended without an answer: ${JSON.stringify(raw.text)}`);
}

/** A TCP proxy that cuts what comes back. */
export interface Proxy {
  readonly port: number;
  /** Cuts all that are open now. */
  cut(): void;
  stop(): Promise<void>;
}

/**
 * Passes connections on to `port`, or what it says by then. Each answer is cut after as many bytes as
 * `cuts` says for it, connection after connection; `change` may rewrite them.
 */
export async function proxy(
  port: number | (() => number),
  cuts: () => number,
  change: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes,
): Promise<Proxy> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    let left = cuts();
    const to = typeof port === "number" ? port : port();
    const far = connect({ port: to, host: "127.0.0.1" });
    const cut = () => {
      for (const socket of [near, far]) {
        socket.destroy();
        sockets.delete(socket);
      }
    };
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", cut).on("close", cut);
    }
    near.on("data", (bytes: Uint8Array) => far.write(bytes));
    far.on("data", (bytes: Uint8Array) => {
      const part = change(bytes).subarray(0, left);
      left -= part.length;
      if (left > 0) near.write(part);
      else if (part.length > 0) near.write(part, cut);
    });
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as { port: number }).port,
    cut,
    async stop() {
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      cut();
      await promise;
    },
  };
}
