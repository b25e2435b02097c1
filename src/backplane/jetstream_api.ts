/**
 * The part of the JetStream API that a backplane needs, in plain requests: any
 * connection to NATS can send them, whatever its package.
 * @module
 */
import { PushError } from "../errors.ts";
import { within } from "../silence.ts";

/** A connection of npm `nats` (2) or `@nats-io/transport-node` (3). */
export interface NatsConnection {
  /** Publishes a message. */
  publish(subject: string, data?: never, options?: never): void;
  /** Sends a request and waits for its answer. */
  request(subject: string, data?: never, options?: never): Promise<NatsMessage>;
  /** Subscribes to a subject. */
  subscribe(subject: string, options?: never): { unsubscribe(): void };
  /** Tells what happens to the connection. */
  status(): AsyncIterable<{ readonly type: string }>;
  /** What the server has said of itself. */
  readonly info?: { readonly max_payload: number } | undefined;
  /** Resolves when it is closed for good. */
  closed(): Promise<unknown>;
  /** Whether it is closed for good. */
  isClosed(): boolean;
}

/** A message as NATS delivers it. */
export interface NatsMessage {
  /** What it was published to. */
  readonly subject: string;
  /** Where an answer goes. */
  readonly reply?: string | undefined;
  /** Its content. */
  readonly data: Uint8Array;
  /** Its headers, or what a server has to say. */
  readonly headers?: {
    readonly code: number;
    readonly description: string;
    get(name: never): string;
  } | undefined;
}

/** What a server refuses; `code` as in HTTP. */
export class ApiError extends Error {
  /** Says what JetStream said. */
  constructor(readonly code: number, readonly number: number, text: string) {
    super(`JetStream: ${text}`);
  }
}

/** A message of a stream, and where it lies. */
export interface Stored {
  readonly subject: string;
  readonly seq: number;
  /** When the server stored it, in ns since 1970: with `seq`, what it is known by. */
  readonly stamp: string;
  readonly data: Uint8Array;
}

/** Where a delivered message lies, and which it is of those a consumer got. */
export interface Delivered extends Stored {
  readonly consumerSeq: number;
}

/** How a consumer is asked for; more of it is in the NATS documentation. */
export interface ConsumerConfig {
  readonly deliver_policy: "by_start_sequence" | "last_per_subject";
  readonly opt_start_seq?: number;
  readonly filter_subject?: string;
  readonly headers_only?: boolean;
  readonly deliver_subject?: string;
  readonly flow_control?: boolean;
  readonly idle_heartbeat?: number;
}

/** How long a process may be busy before an answer it could have is lost, in ms. */
const BUSY = 60_000;
/** What the headers of a message take, in bytes, at most. */
const HEADERS = 100;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** One stream, over one connection. */
export class JetStreamApi {
  readonly #connection: NatsConnection;
  readonly #name: string;
  readonly #within: number;

  /** `within` is how long an answer may take, in ms. */
  constructor(connection: NatsConnection, name: string, within: number) {
    this.#connection = connection;
    this.#name = name;
    this.#within = within;
  }

  /** Asks the API; `operation` as in `STREAM.INFO`. */
  async ask<T>(operation: string, body: object = {}, more = ""): Promise<T> {
    const subject = `$JS.API.${operation}.${this.#name}${more}`;
    const bytes = encoder.encode(JSON.stringify(body));
    return answer<T>((await this.#request(subject, bytes)).data);
  }

  /**
   * Publishes. `header` says on what condition, as in the NATS documentation: with
   * `Nats-Msg-Id: ID` what was published before with the same is not repeated.
   */
  async publish(
    subject: string,
    data: string,
    header?: string,
  ): Promise<{ seq: number; duplicate?: boolean }> {
    const bytes = encoder.encode(data);
    const most = (this.#connection.info?.max_payload ?? Infinity) - HEADERS;
    if (bytes.length > most) {
      const detail =
        `The message has ${bytes.length} bytes; NATS takes ${most}.`;
      throw new PushError("too_large", detail);
    }
    // Of a header object both clients use only this.
    const headers = header === undefined ? {} : {
      headers: {
        encode: () => encoder.encode(`NATS/1.0\r\n${header}\r\n\r\n`),
      },
    };
    return answer((await this.#request(subject, bytes, headers)).data);
  }

  /** The message at `seq`, or the first of `subject` from there on, if there is one. */
  async get(seq: number, subject?: string): Promise<Stored | undefined> {
    const body = subject === undefined ? { seq } : {
      seq,
      next_by_subj: subject,
    };
    try {
      const { message } = await this.ask<
        {
          message: {
            subject: string;
            seq: number;
            data?: string;
            time: string;
          };
        }
      >("STREAM.MSG.GET", body);
      const data = Uint8Array.from(
        atob(message.data ?? ""),
        (char) => char.charCodeAt(0),
      );
      return { ...message, stamp: stampOf(message.time), data };
    } catch (error) {
      if (error instanceof ApiError && error.code === 404) return undefined;
      throw error;
    }
  }

  /** Makes a consumer that is gone when nobody uses it; nothing is acknowledged. */
  consume(
    config: ConsumerConfig,
  ): Promise<{ name: string; num_pending: number }> {
    return this.ask("CONSUMER.CREATE", {
      stream_name: this.#name,
      config: {
        ack_policy: "none",
        max_deliver: 1,
        mem_storage: true,
        num_replicas: 1,
        inactive_threshold: 10_000_000_000,
        ...config,
      },
    });
  }

  /** The first `limit` messages that a consumer finds. */
  async fetch(config: ConsumerConfig, limit: number): Promise<Delivered[]> {
    const { name, num_pending } = await this.consume(config);
    const batch = Math.min(limit, num_pending);
    const found: Delivered[] = [];
    try {
      if (batch > 0) await this.#pull(name, batch, found);
    } finally {
      // Where this fails, it is gone a little later by itself.
      this.ask("CONSUMER.DELETE", {}, `.${name}`).catch(() => {});
    }
    return found;
  }

  /** Calls `take` with what comes to `subject`; returns what ends that. */
  listen(subject: string, take: (message: NatsMessage) => void): () => void {
    const callback = (error: unknown, message: NatsMessage) => {
      if (!error) take(message);
    };
    const subscription = this.#connection.subscribe(
      subject,
      { callback } as never,
    );
    return () => subscription.unsubscribe();
  }

  /** Sends an empty message. */
  touch(subject: string): void {
    this.#connection.publish(subject);
  }

  #pull(name: string, batch: number, found: Delivered[]): Promise<void> {
    const inbox = newInbox(this.#connection);
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = this.listen(inbox, (message) => {
      const delivered = deliveredOf(message);
      if (delivered) found.push(delivered);
      // Fewer than there were a moment ago: the others have been dropped since.
      if (!delivered || found.length === batch) resolve();
    });
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${this.#name}.${name}`;
    const body = encoder.encode(JSON.stringify({ batch, no_wait: true }));
    this.#connection.publish(subject, body as never, { reply: inbox } as never);
    return this.#come(promise, found).finally(stop);
  }

  /** Waits for all, however long it takes, as long as some of it comes in time. */
  async #come(all: Promise<void>, found: readonly unknown[]): Promise<void> {
    for (;;) {
      const had = found.length;
      try {
        return await this.#answered(all);
      } catch (error) {
        if (had === found.length) throw error;
      }
    }
  }

  #request(
    subject: string,
    bytes: Uint8Array,
    options: object = {},
  ): Promise<NatsMessage> {
    // Its own time limit does not ask whether it was this process that was busy.
    const timeout = this.#within + BUSY;
    return this.#answered(this.#connection.request(
      subject,
      bytes as never,
      { timeout, ...options } as never,
    ));
  }

  #answered<T>(answer: Promise<T>): Promise<T> {
    const ms = this.#within;
    const late = () => new Error(`NATS has not answered within ${ms} ms.`);
    return within(ms, answer, late);
  }
}

/** A subject for answers, under the prefix that the connection is allowed. */
export function newInbox(connection: NatsConnection): string {
  const { options } = connection as { options?: { inboxPrefix?: string } };
  const prefix = options?.inboxPrefix ?? "_INBOX";
  return `${prefix}.${crypto.randomUUID().replaceAll("-", "")}`;
}

/** What a consumer has delivered; nothing, if the server itself speaks. */
export function deliveredOf(message: NatsMessage): Delivered | undefined {
  const parts = message.reply?.split(".") ?? [];
  if (parts[0] !== "$JS" || parts[1] !== "ACK") return undefined;
  // Newer servers put the domain and the account before the rest.
  const [, , , , , seq, consumerSeq, stamp] = parts.length > 9
    ? parts.slice(2)
    : parts;
  return {
    subject: message.subject,
    seq: Number(seq),
    consumerSeq: Number(consumerSeq),
    stamp: stamp!,
    data: message.data,
  };
}

function answer<T>(data: Uint8Array): T {
  const body = JSON.parse(decoder.decode(data));
  if (!body.error) return body;
  const { code, err_code, description } = body.error;
  throw new ApiError(code, err_code, description);
}

/** The ns since 1970 of a time such as `2026-01-31T23:59:59.123456789Z`. */
function stampOf(time: string): string {
  const [, seconds, fraction = ""] = /^(.*?)(?:\.(\d+))?Z$/.exec(time) ?? [];
  const since = Date.parse(`${seconds}Z`) / 1_000;
  return `${since}${fraction.padEnd(9, "0")}`;
}
