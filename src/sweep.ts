/**
 * What is due on a node from time to time, done in one pass over its connections.
 * @module
 */
import type { Connection } from "./connection.ts";
import { setImmediate } from "./deps.ts";
import { drop, expire } from "./drops.ts";
import type { Node } from "./node.ts";

/** How many connections are looked at before others get their turn. */
const SLICE = 1_000;

/**
 * Lets parked responses do what is due, ends connections that have been away too
 * long, and drops messages that are too old.
 */
export class Sweep {
  readonly #node: Node;
  /** The connections that a pass in slices has not looked at yet. */
  #rest: Iterator<Connection> | undefined;
  /** Whether another pass was asked for meanwhile. */
  #again = false;
  /** How often streams had been found without room when the pass began. */
  #found = 0;

  constructor(node: Node) {
    this.#node = node;
  }

  /** Does all of it at once, as at `now`, in ms since 1970. */
  now(now: number): void {
    const node = this.#node;
    const { found } = node.counts;
    node.now = now;
    node.merged.clear();
    for (const connection of node.connections.values()) {
      tend(node, connection, now);
    }
    this.#end(now, found);
  }

  /** Does it in slices: the first one now, each other in a turn of its own. */
  begin(): void {
    if (this.#rest) {
      this.#again = true;
      return;
    }
    this.#rest = this.#node.connections.values();
    this.#found = this.#node.counts.found;
    this.#slice(this.#rest);
  }

  #slice(rest: Iterator<Connection>): void {
    const node = this.#node;
    node.turn();
    const { now } = node;
    for (let i = 0; i < SLICE; i++) {
      const { value, done } = rest.next();
      if (!done) {
        tend(node, value, now);
        continue;
      }
      this.#rest = undefined;
      this.#end(now, this.#found);
      if (this.#again) {
        this.#again = false;
        this.begin();
      }
      return;
    }
    setImmediate(() => this.#slice(rest));
  }

  #end(now: number, found: number): void {
    const { barred, counts, logs, meters } = this.#node;
    counts.behind = counts.found - found;
    barred.sweep(now);
    meters.sweep();
    logs.age(now);
  }
}

/** Does what is due with one connection. */
function tend(node: Node, connection: Connection, now: number): void {
  if (connection.sink) {
    try {
      const { expires = Infinity } = connection.identity ?? {};
      if (now >= expires) expire(connection);
      else connection.sink.sweep(now);
    } catch (error) {
      // The others have their turn.
      node.fail(error);
    }
    return;
  }
  const linger = connection.linger ?? node.settings.linger;
  if (now - connection.awaySince < linger) return;
  // It lives on at another node: only the copy here ends, and nobody is asked.
  const reason = node.peers?.find(connection.id)
    ? "replaced"
    : connection.slow
    ? "slow"
    : "expired";
  if (!drop(node, connection, reason)) connection.awaySince = now;
}
