/**
 * The three ways to listen. Each hands on frames, `open` first, until its response
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
/** Half of what it may take: it can be 5 s late. */
const HEARTBEAT = 15_000;
/** How long a crowd leaves its sockets free, in ms. */
const PAUSE = 2_000;

/** What a transport has to work with. */
export interface Call {
  /** Asks for the channels from where the client stands; a poll waits for `wait` ms. */
  get(wait?: number): Promise<Response>;
  /** Takes frames, `open` first; throws what ends it. */
  take(frames: Frame[]): void;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Whether there are too few sockets: polls leave them free in between. */
  readonly crowded: boolean;
}

/** Listens until the response ends. */
export type Listen = (call: Call) => Promise<void>;

/** Every transport, the best first. */
export const transports: Record<Transport, Listen> = {
  stream: streaming(ndjson),
  sse: streaming(sse),
  poll,
};

/** `EventSource` would do for one of them, but it sends no headers. */
function streaming(parser: () => Parser<Frame>): Listen {
  return async ({ get, take }) => {
    const { body } = await get();
    const parse = parser();
    const reader = body!.getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      take(parse(value));
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

async function poll({ get, take, signal, crowded }: Call): Promise<void> {
  // The first one is not held: it shows whether answers come through.
  for (let wait = 1;; wait = crowded ? 1 : WAIT) {
    const response = await get(wait);
    const answer: Answer = await response.json();
    const { connection, key, id, messages, reset = [] } = answer;
    const resets = reset === true ? [undefined] : reset;
    take([
      { type: "open", connection, key, heartbeat: HEARTBEAT },
      ...resets.map((channel): Frame => ({ type: "reset", channel })),
      ...messages,
      { type: "heartbeat", id },
    ]);
    if (crowded) await sleep(PAUSE, signal);
  }
}
