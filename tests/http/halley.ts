/**
 * A Halley at `/push` on a real socket, and clients of it.
 * @module
 */
import { createEngine, type Engine } from "../../src/engine.ts";
import { App, v } from "../../src/deps.ts";
import type { EngineOptions } from "../../src/options.ts";
import { createRouter, type RouterOptions } from "../../src/router.ts";
import { PollAnswer, Problem, StreamFrame } from "../../src/wire.ts";
import { serve } from "../harness.ts";
import { EventReader } from "./events.ts";

export { until } from "../harness.ts";

/** An engine, and where it is served. */
export interface Halley {
  readonly engine: Engine;
  readonly port: number;
  /** The base of the protocol. */
  readonly url: string;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts an engine on which anyone may do anything, unless `options` say more. */
export async function start(
  options: EngineOptions = {},
  router: RouterOptions = {},
): Promise<Halley> {
  const engine = createEngine({ policy: { allow: () => true }, ...options });
  const app = new App().route("/push", createRouter(engine, router));
  const server = await serve(app.fetch);
  const stop = async () => {
    await engine.close();
    await server.stop();
  };
  return {
    engine,
    port: server.port,
    url: `${server.url}/push`,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** A frame as it came. */
export interface Received {
  /** The `event:` of Server-Sent Events. */
  readonly event?: string;
  /** The last event id, in Server-Sent Events. */
  readonly lastEventId?: string;
  /** The frame, which passes its schema. */
  // deno-lint-ignore no-explicit-any
  readonly frame: any;
}

/** A stream that a test reads frame by frame. */
export class Listener {
  readonly response: Response;
  readonly #abort: AbortController;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #events = new EventReader();
  readonly #lines = new TextDecoder();
  #rest = "";
  #queue: Received[] = [];

  /** Use {@linkcode listen}. */
  constructor(response: Response, abort: AbortController) {
    this.response = response;
    this.#abort = abort;
    this.#reader = response.body!.getReader();
  }

  /** The reconnection time that was last set, in ms. */
  get retry(): number | undefined {
    return this.#events.retry;
  }

  /** The next frame; `undefined` at the end. */
  async next(): Promise<Received | undefined> {
    while (this.#queue.length === 0) {
      const { value, done } = await this.#reader.read();
      if (done) return undefined;
      this.#queue = this.#parse(value);
    }
    return this.#queue.shift();
  }

  /** The next frame of `type`; others are passed over. */
  // deno-lint-ignore no-explicit-any
  async frame(type: string): Promise<any> {
    for (;;) {
      const received = await this.next();
      if (!received) throw new Error(`The stream ended without ${type}.`);
      if (received.frame.type === type) return received.frame;
    }
  }

  /** The data of the next `count` messages. */
  async data(count: number): Promise<unknown[]> {
    const data: unknown[] = [];
    while (data.length < count) data.push((await this.frame("message")).data);
    return data;
  }

  /** All that is still to come. */
  async rest(): Promise<Received[]> {
    const all: Received[] = [];
    for (let next; (next = await this.next());) all.push(next);
    return all;
  }

  /** Goes, without a word. */
  async close(): Promise<void> {
    this.#abort.abort();
    await this.#reader.cancel().catch(() => {});
  }

  /** Goes, without a word. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #parse(bytes: Uint8Array): Received[] {
    const type = this.response.headers.get("content-type") ?? "";
    if (type.startsWith("text/event-stream")) {
      return this.#events.read(bytes).map(({ type, data, lastEventId }) => {
        return { event: type, lastEventId, frame: checked(data) };
      });
    }
    this.#rest += this.#lines.decode(bytes, { stream: true });
    const lines = this.#rest.split("\n");
    this.#rest = lines.pop()!;
    return lines.map((line) => ({ frame: checked(line) }));
  }
}

/** A frame, if it is one of PROTOCOL N3 and N4. */
export function checked(text: string): v.InferOutput<typeof StreamFrame> {
  return v.parse(StreamFrame, JSON.parse(text));
}

/** Opens a stream: Server-Sent Events, unless `headers` or the URL say otherwise. */
export async function listen(
  url: string,
  headers: Record<string, string> = {},
): Promise<Listener> {
  const abort = new AbortController();
  const response = await fetch(url, { headers, signal: abort.signal });
  return new Listener(response, abort);
}

/** Listens to one channel, past its `open`, which comes along. */
export async function subscribe(
  url: string,
  headers?: Record<string, string>,
  // deno-lint-ignore no-explicit-any
): Promise<{ listener: Listener; open: any }> {
  const listener = await listen(url, headers);
  return { listener, open: await listener.frame("open") };
}

/** A long-poll's answer, which passes its schema. */
export async function poll(
  url: string,
  query: Record<string, string> = {},
): Promise<v.InferOutput<typeof PollAnswer>> {
  const parameters = new URLSearchParams({ ...query, transport: "poll" });
  const response = await fetch(`${url}?${parameters}`);
  return v.parse(PollAnswer, await response.json());
}

/** Publishes JSON over HTTP. */
export function publish(
  url: string,
  data: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(data),
  });
}

/** A refusal, which passes its schema and says the same as its status (N8). */
export async function problemOf(
  response: Response,
): Promise<v.InferOutput<typeof Problem>> {
  const type = response.headers.get("content-type");
  const text = await response.text();
  if (type !== "application/problem+json") {
    throw new Error(`${response.status} ${type}: ${text}`);
  }
  const problem = v.parse(Problem, JSON.parse(text));
  if (problem.status !== response.status) throw new Error(text);
  return problem;
}
