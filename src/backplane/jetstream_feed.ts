/**
 * Reads a stream in order, for as many listeners as there are: one consumer that
 * is made anew whenever something is missing.
 * @module
 */
import { Fan } from "./fan.ts";
import {
  type Delivered,
  deliveredOf,
  type JetStreamApi,
  type NatsConnection,
  type NatsMessage,
  newInbox,
} from "./jetstream_api.ts";
import type { OrderStream, Published, StreamTop } from "./jetstream_stream.ts";
import { Arrival, pause } from "./retry.ts";

/** How often the server says that there is nothing new, in ms. */
const HEARTBEAT = 1_000;
/** For how many of these it may be silent. */
const SILENT = 3;

/** What the reader needs to know of its owner. */
export interface ReaderHost {
  readonly connection: NatsConnection;
  readonly api: JetStreamApi;
  readonly stream: OrderStream;
  /** Hears why there is no order, once for each reason. */
  onError(error: unknown): void;
}

/** The reader of a node. */
export class JetStreamFeed {
  readonly fan: Fan;
  readonly #host: ReaderHost;
  readonly #closing = new AbortController();
  /** What was read last, as the server knows it. */
  #last: { readonly seq: number; readonly stamp: string } | undefined;
  /** The newest that was published from here. */
  #own: Published | undefined;
  /** The order whose end was read: somebody has found it lost. */
  #over = "";
  #running = false;
  readonly #present = new Arrival<string>();
  /** Ends the consumer there is. */
  #broken: (error: Error) => void = () => {};
  #told = "";
  /** Until the connection is back. */
  #away: PromiseWithResolvers<void> | undefined;

  constructor(host: ReaderHost) {
    this.#host = host;
    this.fan = new Fan((after, limit) => host.stream.past(after, limit));
  }

  /** Begins to read, and goes on until it is closed. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#watch();
    this.#run();
  }

  /** The present epoch; rejects if it is not known within `within` ms. */
  async ready(within: number): Promise<string> {
    this.start();
    const why = () => this.#told || "The stream is not known yet.";
    return await this.#present.wait(within, why);
  }

  /** Something was published from here; the reader will get there. */
  heard(published: Published): void {
    const { epoch, seq } = this.fan.known;
    this.fan.heard(published);
    if (published.content === undefined) return;
    if (published.epoch !== epoch || published.seq > seq) this.#own = published;
  }

  /** Looks again where the order is, as nobody answered for this reason. */
  suspect(reason: Error): void {
    this.#broken(reason);
  }

  /** Ends for good. */
  close(): void {
    this.#closing.abort();
    this.fan.clear();
    const reason = new Error("The backplane is closed.");
    this.#broken(reason);
    this.#present.fail(reason);
  }

  /** Ends what cannot go on as soon as the connection is lost. */
  async #watch(): Promise<void> {
    const { connection } = this.#host;
    const status = connection.status();
    const stop = () => (status as { stop?(): void }).stop?.();
    this.#closing.signal.addEventListener("abort", stop, { once: true });
    for await (const { type } of status) {
      if (this.#closing.signal.aborted) return;
      if (type === "disconnect") {
        this.#away ??= Promise.withResolvers();
        this.#broken(new Error("The connection to NATS is lost."));
      } else if (type === "reconnect") this.#back();
    }
    this.#back();
  }

  #back(): void {
    this.#away?.resolve();
    this.#away = undefined;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    for (let failures = 0; !signal.aborted; failures++) {
      // What is sent while there is no connection would arrive much later.
      await this.#away?.promise;
      const error = await this.#session(() => failures = 0);
      if (signal.aborted) return;
      if (error.message !== this.#told) this.#host.onError(error);
      this.#told = error.message;
      if (this.#host.connection.isClosed()) {
        this.#told = "The connection to NATS was closed for good.";
        return this.#host.onError(new Error(this.#told));
      }
      await pause(failures, signal);
    }
  }

  /** Finds the order and follows it until that fails; why it did. */
  async #session(begun: () => void): Promise<Error> {
    try {
      await this.#look();
      const { promise, reject } = Promise.withResolvers<never>();
      promise.catch(() => {});
      const stop = await this.#consume(reject);
      try {
        begun();
        this.#told = "";
        this.#present.come(this.fan.read.epoch);
        if (this.#closing.signal.aborted) return new Error("closed");
        return await promise;
      } finally {
        stop();
        this.#broken = () => {};
        this.#present.go();
      }
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** Where the order is; one that has lost its end gets another epoch. */
  async #look(): Promise<void> {
    const { fan } = this;
    const { stream } = this.#host;
    let top = await stream.look();
    if (top.epoch === fan.read.epoch && await this.#lost(top)) {
      await stream.renew(top.epoch);
      top = await stream.look();
    }
    if (top.epoch === fan.read.epoch) return;
    // Who begins does so at the present; who was there gets all of the new order.
    const { epoch } = top;
    const seq = fan.read.epoch === "" ? top.seq : await stream.begins(top);
    this.#last = top.last?.seq === seq ? top.last : undefined;
    fan.begin({ epoch, seq });
  }

  /** Whether something that is known is gone, or another message in its place. */
  async #lost(top: StreamTop): Promise<boolean> {
    const { read, known } = this.fan;
    if (this.#over === top.epoch || top.seq < known.seq) return true;
    const own = this.#own;
    if (own?.epoch === top.epoch && own.seq > read.seq) {
      // It was published and not read yet, and others may have gone on above it.
      if (await this.#host.stream.lacks(own)) return true;
    }
    const last = this.#last;
    if (!last) return false;
    const stored = last.seq === top.seq
      ? top.last
      : await this.#host.stream.get(last.seq);
    return stored !== undefined && stored.stamp !== last.stamp;
  }

  /** Reads on from where we are; `fail` hears why that ends. */
  async #consume(fail: (error: Error) => void): Promise<() => void> {
    const { api, connection } = this.#host;
    const deliver_subject = newInbox(connection);
    let silent = 0;
    let consumerSeq = 0;
    const end = (error: Error) => {
      stop();
      fail(error);
    };
    const unsubscribe = api.listen(deliver_subject, (message) => {
      silent = 0;
      const delivered = deliveredOf(message);
      const reason = delivered
        ? delivered.consumerSeq === ++consumerSeq
          ? this.#take(delivered)
          : "A message was not delivered."
        : this.#hear(message, consumerSeq);
      if (reason) end(new Error(reason));
    });
    const timer = setInterval(() => {
      // Where this process stood still, one tick has gone by.
      if (++silent > SILENT) end(new Error("NATS has become silent."));
    }, HEARTBEAT);
    const stop = () => {
      clearInterval(timer);
      unsubscribe();
    };
    this.#broken = end;
    try {
      await api.consume({
        deliver_policy: "by_start_sequence",
        opt_start_seq: this.fan.read.seq + 1,
        deliver_subject,
        flow_control: true,
        idle_heartbeat: HEARTBEAT * 1_000_000,
      });
    } catch (error) {
      stop();
      throw error;
    }
    return stop;
  }

  /** The next message; the reason, if it cannot be the next. */
  #take(delivered: Delivered): string | undefined {
    const { fan } = this;
    const { stream } = this.#host;
    const { seq, stamp } = delivered;
    if (stream.ends(fan.read.epoch, delivered)) {
      this.#over = fan.read.epoch;
      return "Another order begins.";
    }
    const frame = stream.frame(delivered);
    if (frame && frame.epoch !== fan.read.epoch) return "Another order begins.";
    if (seq > fan.read.seq + 1) fan.lost(seq - 1);
    this.#last = { seq, stamp };
    // Somebody else's: it has a place, but says nothing to us.
    if (!frame) return void fan.lost(seq);
    stream.passed(frame.time);
    fan.frame(frame);
  }

  /** What the server says itself; the reason, if we cannot go on. */
  #hear(message: NatsMessage, consumerSeq: number): string | undefined {
    const { headers, reply } = message;
    if (headers?.code !== 100) return `NATS: ${headers?.description}`;
    const stalled = headers.get("Nats-Consumer-Stalled" as never);
    if (reply ?? stalled) this.#host.api.touch(reply || stalled);
    const last = headers.get("Nats-Last-Consumer" as never);
    if (last && Number(last) !== consumerSeq) {
      return "A message was not delivered.";
    }
  }
}
