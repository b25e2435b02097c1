/**
 * A connect that is held until there is something to tell: what a Bayeux session
 * is parked on.
 * @module
 */
import { type Code, codes } from "../../errors.ts";
import type { Sink } from "../../sink.ts";
import { LOST, take, waiting } from "./delivery.ts";
import type { Server } from "./exchange.ts";
import {
  HANDSHAKE,
  type Message,
  NONE,
  Refusal,
  refusalOf,
  replyTo,
  unknownClient,
} from "./message.ts";
import type { Session } from "./session.ts";

/** A connect that is to be held. */
export interface Held {
  readonly message: Message;
  /** For how long, in ms. */
  readonly wait: number;
  /** Aborts when the client goes. */
  readonly signal: AbortSignal;
  /** Makes the reply, once the events before it are known. */
  reply(): string;
}

/** Holds one connect; answered once, as the inside of a JSON array. */
export class HeldConnect implements Sink {
  /** `long-polling` or `callback-polling`. */
  readonly transport: string;
  readonly #server: Server;
  readonly #session: Session;
  readonly #held: Held;
  readonly #resolve: (body: string | undefined) => void;
  readonly #deadline: number;
  /** When messages that may wait have waited enough. */
  #lazyUntil = Infinity;
  #open = true;

  /** `resolve` gets the answer, or nothing if the client has gone. */
  constructor(
    server: Server,
    session: Session,
    held: Held,
    resolve: (body: string | undefined) => void,
  ) {
    this.transport = held.message.connectionType as string;
    this.#server = server;
    this.#session = session;
    this.#held = held;
    this.#resolve = resolve;
    this.#deadline = this.#now + held.wait;
  }

  get #now(): number {
    return this.#server.engine.node.settings.clock.now();
  }

  /** Parks the session, and answers if there is something. */
  begin(): void {
    const { signal } = this.#held;
    this.#session.connection.park(this);
    if (!this.#open) return;
    if (signal.aborted) return this.#gone();
    signal.addEventListener("abort", this.#gone);
    this.#answer(false);
    if (this.#open) this.#server.engine.wake(this.#deadline);
  }

  flush(): void {
    this.#answer(false);
  }

  sweep(now: number): void {
    const { engine } = this.#server;
    if (this.#idle(now)) {
      if (engine.drop(this.#session.connection.id, "kicked")) return;
      // A `beforeDrop` listener keeps it.
      this.#session.active = now;
    }
    this.#answer(now >= Math.min(this.#deadline, this.#lazyUntil));
    // The timer may have rung too early for it.
    if (this.#open) engine.wake(this.#deadline);
  }

  /**
   * Ends it: the session is over, or (`replaced`) another connect has come. That
   * one's client has no use for this answer; where two clients share a session
   * (a copied tab), an unsuccessful one makes them slow down.
   */
  close(code: Code, after = 0): void {
    if (!this.#open) return;
    this.#leave();
    const { message } = this.#held;
    const { connection: { key } } = this.#session;
    if (code === "left") {
      const reply = replyTo(message, { successful: true, advice: NONE });
      return this.#resolve(JSON.stringify(reply));
    }
    let refusal: Refusal;
    if (code === "replaced") {
      refusal = new Refusal(409, key, "Another connect has taken its place");
    } else if (codes[code].retryable) {
      const advice = { ...HANDSHAKE, interval: after };
      refusal = new Refusal(402, key, codes[code].title, advice);
    } else refusal = new Refusal(403, key, codes[code].title, NONE);
    this.#resolve(JSON.stringify(refusalOf(message, refusal)));
  }

  /** Answers if there is something, or if it is `due` whether or not. */
  #answer(due: boolean): void {
    if (!this.#open) return;
    const { connection } = this.#session;
    if (!due && this.#maySleep()) return;
    const events = take(this.#session);
    if (events === LOST) return this.#lost();
    if (events === "") {
      if (!due) return;
      connection.settle();
    } else if (this.#server.settings.activity?.server) {
      this.#session.active = this.#now;
    }
    this.#finish(events + this.#held.reply());
  }

  /** Whether all that is new is of lazy channels, and has not waited long. */
  #maySleep(): boolean {
    const { lazy } = this.#server.settings;
    if (!lazy) return false;
    const state = waiting(this.#session.connection, lazy.channels);
    if (state !== "lazy") return false;
    if (this.#lazyUntil === Infinity) {
      this.#lazyUntil = this.#now + lazy.timeout;
      this.#server.engine.wake(this.#lazyUntil);
    }
    return true;
  }

  #idle(now: number): boolean {
    const { activity } = this.#server.settings;
    return activity !== undefined &&
      now - this.#session.active >= activity.period;
  }

  /** Bayeux has no word for a gap: the session ends, and its client begins anew. */
  #lost(): void {
    const { connection } = this.#session;
    const gone = refusalOf(this.#held.message, unknownClient(connection.key));
    this.#finish(JSON.stringify(gone));
    this.#server.engine.drop(connection.id, "slow");
  }

  #finish(body: string | undefined): void {
    this.#leave();
    this.#resolve(body);
    this.#session.connection.unpark(this);
    this.#session.touch(this.#now, false);
  }

  /** Nothing was handed over, so nothing is lost. */
  readonly #gone = (): void => {
    if (this.#open) this.#finish(undefined);
  };

  #leave(): void {
    this.#open = false;
    this.#held.signal.removeEventListener("abort", this.#gone);
  }
}
