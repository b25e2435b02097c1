/**
 * A streaming response of one's own: a progress report, the tokens of a model,
 * anything that is not a channel. And the same producer writing into a channel, so
 * that a reader who lost the connection goes on where it was.
 * @module
 */
import type { MaybePromise } from "./backplane.ts";
import type { Channel } from "./channel.ts";

/** Why a produced stream ended. */
export type EndReason =
  | "done"
  | "timeout"
  | "disconnected"
  | "error"
  | "shutdown";

/** Where a producer writes. */
export interface Out<T> {
  /**
   * Writes; resolves when there is room for more (backpressure), and rejects with
   * the signal's reason once the stream has ended.
   */
  write(data: T): Promise<void>;
}

/** Writes until it returns; `signal` aborts when nobody wants more. */
export type Producer<T> = (
  out: Out<T>,
  signal: AbortSignal,
) => MaybePromise<void>;

/** How a producer is run. */
export interface ProduceOptions {
  /**
   * How long it may go without a write, in ms (default 30,000). Bun's server ends
   * a response after 10 s of silence unless its `idleTimeout` is longer.
   */
  readonly timeout?: number;
  /** Ends it as `shutdown`: the engine's `signal`, say. */
  readonly signal?: AbortSignal;
  /** Told once why it ended, with what was thrown if that is why. */
  readonly onEnd?: (reason: EndReason, error?: unknown) => void;
}

/** How a response is produced. */
export interface StreamOptions extends ProduceOptions {
  /** Its headers (default `content-type: text/plain`, not to be stored). */
  readonly headers?: HeadersInit;
}

/** How a channel is written to. */
export interface ChannelStreamOptions<T> extends ProduceOptions {
  /** What is published last, so that readers know the end when they see it. */
  readonly last?: (reason: EndReason) => T;
}

/**
 * Answers `request` with what `produce` writes. The response ends well only if the
 * producer returns; otherwise the client sees that it was cut off. The request's
 * body may be read meanwhile.
 */
export function stream(
  request: Request,
  produce: Producer<string | Uint8Array>,
  options?: StreamOptions,
): Response;
/**
 * Publishes to `channel` what `produce` writes; resolves to why it ended. Readers
 * subscribe to the channel, and resume like on any other.
 */
export function stream<T>(
  channel: Channel<T>,
  produce: Producer<T>,
  options?: ChannelStreamOptions<T>,
): Promise<EndReason>;
/** Runs a producer for a response or for a channel. */
export function stream<T>(
  target: Request | Channel<T>,
  produce: Producer<never>,
  options: StreamOptions | ChannelStreamOptions<T> = {},
): Response | Promise<EndReason> {
  return target instanceof Request
    ? respond(produce as Producer<string | Uint8Array>, options)
    : publishAll(target, produce as Producer<T>, options);
}

/** The longest a timer can wait, in ms. */
const LONGEST = 2 ** 31 - 1;

/** A producer at work: its time, and its end, which comes once. */
class Run {
  readonly #abort = new AbortController();
  readonly #options: ProduceOptions;
  readonly #timeout: number;
  readonly #ended: (reason: EndReason, error?: unknown) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #deadline = 0;

  constructor(
    options: ProduceOptions,
    ended: (reason: EndReason, error?: unknown) => void,
  ) {
    this.#options = options;
    this.#timeout = options.timeout ?? 30_000;
    if (!(this.#timeout > 0)) {
      throw new RangeError(`timeout is ${this.#timeout}; it must be above 0`);
    }
    this.#ended = ended;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  start<T>(out: Out<T>, produce: Producer<T>): void {
    this.extend();
    this.#watch();
    const { signal } = this.#options;
    if (signal?.aborted) return this.end("shutdown");
    signal?.addEventListener("abort", this.#shutdown);
    Promise.resolve(this.signal).then((signal) => produce(out, signal)).then(
      () => this.end("done"),
      (error) => this.end("error", error),
    );
  }

  /** A write gives it another `timeout`. */
  extend(): void {
    this.#deadline = performance.now() + this.#timeout;
  }

  end(reason: EndReason, error?: unknown): void {
    if (this.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener("abort", this.#shutdown);
    this.#abort.abort(
      new DOMException(`The stream ended: ${reason}`, "AbortError"),
    );
    this.#ended(reason, error);
    try {
      this.#options.onEnd?.(reason, error);
    } catch (failure) {
      console.error("halley:", failure);
    }
  }

  readonly #shutdown = () => this.end("shutdown");

  /** One timer, set anew only when it rings too early. */
  #watch(): void {
    const left = this.#deadline - performance.now();
    if (left <= 0) return this.end("timeout");
    this.#timer = setTimeout(() => this.#watch(), Math.min(left, LONGEST));
  }
}

const HEADERS = [
  ["content-type", "text/plain; charset=utf-8"],
  ["cache-control", "no-store, no-transform"],
  ["x-accel-buffering", "no"],
  // Middleware that makes an ETag would read the body to its end first.
  ["etag", 'W/"stream"'],
] as const;

function respond(
  produce: Producer<string | Uint8Array>,
  options: StreamOptions,
): Response {
  const encoder = new TextEncoder();
  let room: PromiseWithResolvers<void> | undefined;
  const proceed = () => {
    room?.resolve();
    room = undefined;
  };
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const run = new Run(options, (reason) => {
    proceed();
    if (reason === "done") controller.close();
    else if (reason !== "disconnected") controller.error(run.signal.reason);
  });
  const out: Out<string | Uint8Array> = {
    async write(data) {
      run.signal.throwIfAborted();
      run.extend();
      if (data.length === 0) return;
      controller.enqueue(
        typeof data === "string" ? encoder.encode(data) : data,
      );
      if (controller.desiredSize! > 0) return;
      room ??= Promise.withResolvers();
      await room.promise;
      run.signal.throwIfAborted();
    },
  };
  const body = new ReadableStream<Uint8Array>({
    start(control) {
      controller = control;
      run.start(out, produce);
    },
    pull: proceed,
    cancel: () => run.end("disconnected"),
  });
  const headers = new Headers(options.headers);
  for (const [name, value] of HEADERS) {
    if (!headers.has(name)) headers.set(name, value);
  }
  return new Response(body, { headers });
}

function publishAll<T>(
  channel: Channel<T>,
  produce: Producer<T>,
  options: ChannelStreamOptions<T>,
): Promise<EndReason> {
  const { promise, resolve, reject } = Promise.withResolvers<EndReason>();
  const run = new Run(options, (reason) => {
    const last = options.last;
    if (!last) return resolve(reason);
    Promise.resolve(reason).then(last).then((data) => channel.publish(data))
      .then(() => resolve(reason), (error) =>
        // An engine that is closed takes no last words.
        reason === "shutdown" ? resolve(reason) : reject(error));
  });
  const out: Out<T> = {
    async write(data) {
      run.signal.throwIfAborted();
      run.extend();
      await channel.publish(data);
    },
  };
  run.start(out, produce);
  return promise;
}
