/**
 * What one can listen to on an engine. `beforeConnect` and `beforeDrop` decide;
 * all others only observe, and cannot stop what they see.
 * @module
 */
import type { MaybePromise } from "./backplane.ts";
import type { Connection } from "./connection.ts";
import type { DropReason, PushError } from "./errors.ts";
import type { Frame } from "./frame.ts";
import type { Identity } from "./policy.ts";

/** A connection that asks to be let in. */
export interface Candidate {
  /** The public id it will have. */
  readonly id: string;
  /** Who it is, if the policy knows. */
  readonly identity: Identity | undefined;
  /** The channels and patterns it asks for. */
  readonly channels: readonly string[];
}

/** The events of an engine, with what their listeners get. */
export interface EngineEvents {
  /** Return false to refuse a new connection. May be asynchronous. */
  beforeConnect(candidate: Candidate): MaybePromise<boolean | void>;
  /** Return false to keep a connection that left, expired or is to be kicked. */
  beforeDrop(connection: Connection, reason: DropReason): boolean | void;
  /** A new connection is there; `sendTo` reaches it from now on. */
  connect(connection: Connection): void;
  /** Its response ended and no other has come yet. */
  away(connection: Connection): void;
  /** It has come back. */
  return(connection: Connection): void;
  /** It is gone for good. */
  drop(connection: Connection, reason: DropReason): void;
  /** It follows a channel or pattern. */
  subscribe(connection: Connection, name: string): void;
  /** It follows a channel or pattern no more. */
  unsubscribe(connection: Connection, name: string): void;
  /** A message has taken its place in the order. */
  message(frame: Frame): void;
  /** A request was refused. */
  refuse(error: PushError): void;
  /** Another order of messages has begun, or the first; `id` is its present. */
  order(id: string): void;
  /** Messages up to `id` did not reach this node, and will not. */
  gap(id: string): void;
  /** The engine is being closed; it has so many connections. */
  drain(connections: number): void;
  /** The engine is closed. */
  close(): void;
  /** A listener, a policy or the backplane failed. Without listener: `console`. */
  error(error: unknown): void;
}

type Arguments<E extends keyof EngineEvents> = Parameters<EngineEvents[E]>;
type Caller<E extends keyof EngineEvents> = (
  ...args: Arguments<E>
) => unknown;

/** Listeners by event. */
export class Events {
  readonly #listeners: {
    [E in keyof EngineEvents]?: Set<EngineEvents[E]>;
  } = {};

  /** Adds a listener; returns what removes it. */
  on<E extends keyof EngineEvents>(
    event: E,
    listener: EngineEvents[E],
  ): () => void {
    const listeners = this.#of(event) ?? new Set<EngineEvents[E]>();
    (this.#listeners as Record<E, Set<EngineEvents[E]>>)[event] = listeners;
    // Wrapped, so that one function added twice is called twice.
    const own =
      ((...args: Arguments<E>) =>
        (listener as Caller<E>)(...args)) as EngineEvents[E];
    listeners.add(own);
    return () => void listeners.delete(own);
  }

  /** Calls all listeners of an event; what they throw goes to `error`. */
  emit<E extends keyof EngineEvents>(event: E, ...args: Arguments<E>): void {
    const listeners = this.#of(event);
    if (!listeners?.size) {
      if (event === "error") console.error("halley:", args[0]);
      return;
    }
    for (const listener of listeners) {
      try {
        const result: unknown = (listener as Caller<E>)(...args);
        if (result instanceof Promise) {
          result.catch((error) => this.#failed(event, error));
        }
      } catch (error) {
        this.#failed(event, error);
      }
    }
  }

  #failed(event: keyof EngineEvents, error: unknown): void {
    if (event === "error") console.error("halley:", error);
    else this.emit("error", error);
  }

  /** Asks all listeners, in order; false as soon as one refuses. */
  ask(connection: Connection, reason: DropReason): boolean {
    for (const listener of this.#of("beforeDrop") ?? []) {
      try {
        if (listener(connection, reason) === false) return false;
      } catch (error) {
        this.emit("error", error);
      }
    }
    return true;
  }

  /** The same for newcomers. */
  async admit(candidate: Candidate): Promise<boolean> {
    for (const listener of this.#of("beforeConnect") ?? []) {
      if (await listener(candidate) === false) return false;
    }
    return true;
  }

  #of<E extends keyof EngineEvents>(
    event: E,
  ): Set<EngineEvents[E]> | undefined {
    return this.#listeners[event] as Set<EngineEvents[E]> | undefined;
  }
}
