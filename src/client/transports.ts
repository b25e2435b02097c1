/**
 * The three ways to listen. Each yields frames, `open` first, until its response
 * ends; what goes wrong is thrown.
 * @module
 */
import type { Frame } from "./frame.ts";
import { ndjson, type Parser, sse } from "./parse.ts";
import { sleep } from "./time.ts";

/** How a client listens. */
export type Transport = "stream" | "sse" | "poll";

/** How long a poll is held, in ms. */
const WAIT = 25_000;

/** What a transport has to work with. */
export interface Call {
  /** Asks for the channels from where the client stands. */
  get(query: Record<string, string>): Promise<Response>;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** How late an answer may be, in ms. */
  readonly slack: number;
  /** If there are too few sockets: how long to leave them alone, in ms. */
  readonly pause: number;
}

/** Listens until the response ends. */
export type Listen = (call: Call) => AsyncGenerator<Frame[], void>;

/** Every transport, the best first. */
export const transports: Record<Transport, Listen> = {
  stream: streaming("stream", ndjson),
  sse: streaming("sse", sse),
  poll,
};

/** `EventSource` would do for one of them, but it sends no headers. */
function streaming(transport: string, parser: () => Parser<Frame>): Listen {
  return async function* ({ get }) {
    const { body } = await get({ transport });
    const parse = parser();
    const reader = body!.getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield parse(value);
    }
  };
}

/** An answer to a poll (PROTOCOL N5). */
interface Answer {
  readonly connection: string;
  readonly key: string;
  readonly id?: string;
  readonly messages: Frame[];
  readonly reset?: true | string[];
}

async function* poll(
  { get, signal, slack, pause }: Call,
): AsyncGenerator<Frame[], void> {
  // The first one is not held: it shows whether answers come through.
  for (let wait = 1;; wait = pause ? 1 : WAIT) {
    const response = await get({ transport: "poll", wait: `${wait}` });
    const answer: Answer = await response.json();
    const { connection, key, id, messages, reset = [] } = answer;
    const heartbeat = (WAIT + slack) / 2;
    const resets = reset === true ? [undefined] : reset;
    yield [
      { type: "open", connection, key, heartbeat },
      ...resets.map((channel): Frame => ({
        type: "reset",
        ...(channel && { channel }),
      })),
      ...messages,
      { type: "heartbeat", ...(id && { id }) },
    ];
    if (pause) await sleep(pause, signal);
  }
}
