/**
 * The baseline's long-polls: an answer as soon as there is a message, and what came in
 * between from a short list. Nothing is put together, and nobody is checked.
 * @module
 */

/** How many messages may come between two polls of a client. */
const KEPT = 1_024;
/** How long a poll is held, in ms. */
const HOLD = 30_000;

interface Message {
  readonly seq: number;
  readonly channel: string;
  readonly json: string;
}

/** What a request asks for. */
interface Subscription {
  readonly channels: readonly string[];
  readonly query: URLSearchParams;
}

interface Poll {
  readonly channels: readonly string[];
  answer(messages: readonly Message[]): void;
}

/** Who waits for a message. */
export class RawPolls {
  /** Whether anybody has ever polled. */
  used = false;
  readonly #polls = new Map<string, Poll>();
  #kept: Message[] = [];
  #seq = 0;
  #clients = 0;

  /** How many wait. */
  get size(): number {
    return this.#polls.size;
  }

  /** Holds a request until there is something above `since`; the first is not held. */
  subscribe(
    request: Request,
    { channels, query }: Subscription,
  ): Response | Promise<Response> {
    this.used = true;
    const id = query.get("key") ?? `p${this.#clients++}`;
    const since = query.get("since")?.split("-")[1];
    if (since === undefined) return this.#response(id, []);
    const missed = this.#kept.filter(({ seq, channel }) =>
      seq > Number(since) && channels.includes(channel)
    );
    if (missed.length > 0) return this.#response(id, missed);
    return new Promise((resolve) => {
      const answer = (messages: readonly Message[]) => {
        clearTimeout(timer);
        this.#polls.delete(id);
        resolve(this.#response(id, messages));
      };
      const timer = setTimeout(() => answer([]), HOLD);
      request.signal.addEventListener("abort", () => answer([]));
      this.#polls.set(id, { channels, answer });
    });
  }

  /** Gives everybody who follows `channel`, or `to` alone, a message. */
  publish(channel: string, to: string | undefined, json: string): void {
    const message = { seq: ++this.#seq, channel, json };
    this.#kept.push(message);
    if (this.#kept.length > 2 * KEPT) this.#kept = this.#kept.slice(-KEPT);
    for (const [id, { channels, answer }] of this.#polls) {
      if (to ? id === to : channels.includes(channel)) answer([message]);
    }
  }

  #response(id: string, messages: readonly Message[]): Response {
    const all = messages.map(({ json }) => json).join(",");
    const seq = messages.at(-1)?.seq ?? this.#seq;
    return new Response(
      `{"connection":"${id}","key":"${id}","id":"0123456789-${seq}",` +
        `"messages":[${all}]}`,
      { headers: { "content-type": "application/json" } },
    );
  }
}
