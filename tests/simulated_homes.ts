/**
 * What is true of connections, whatever the nodes of the property test believe: who
 * lives where, who is present, and what was told of it.
 * @module
 */
import type { Connection } from "../src/connection.ts";
import type { Engine } from "../src/engine.ts";
import { PushError } from "../src/errors.ts";
import type { Frame } from "../src/frame.ts";
import { matches, NODES } from "../src/name.ts";

/** A connection that somebody wants ended, by an order of a node. */
interface Ordered {
  readonly by: Engine;
  readonly at: Engine;
  readonly connection: Connection;
}

/** The nodes that live, and their connections. */
export class Homes {
  readonly engines = new Set<Engine>();
  /** What was wrong. */
  readonly violations: string[] = [];
  /** How often a connection has been nobody's. */
  readonly #absences = new Map<string, number>();
  readonly #ordered: Ordered[] = [];

  /** A node has started. */
  add(engine: Engine): void {
    this.engines.add(engine);
    engine.on("drop", ({ id }) => this.#look(id));
  }

  /** A node was killed, and its connections with it. */
  remove(engine: Engine): void {
    this.engines.delete(engine);
    for (const id of engine.connections.keys()) this.#look(id);
  }

  /** The nodes that have connection `id`. */
  of(id: string): Engine[] {
    return [...this.engines].filter(({ connections }) => connections.has(id));
  }

  /**
   * Sends to `id`. That it is nobody's may be said only if it was at some time, as
   * far as nodes are `known` to be there.
   */
  async sendTo(
    engine: Engine,
    id: string,
    known: (engine: Engine) => boolean,
  ): Promise<void> {
    const lives = this.of(id).some(known);
    const absences = this.#absences.get(id);
    try {
      await engine.sendTo(id, "to/one", 0);
    } catch (error) {
      if (!(error instanceof PushError) || error.code !== "not_found") {
        throw error;
      }
      if (lives && absences === this.#absences.get(id)) {
        this.violations.push(`${id} is somebody's, but nobody was found`);
      }
    }
  }

  /** Orders `id` to be ended, wherever it is. */
  drop(engine: Engine, id: string): void {
    const found = this.of(id).map((at) => ({
      by: engine,
      at,
      connection: at.connections.get(id)!,
    }));
    if (engine.drop(id)) this.#ordered.push(...found);
  }

  /** Once all is told: orders are carried out, and every node knows who is there. */
  check(channels: readonly string[]): void {
    for (const { by, at, connection } of this.#ordered) {
      if (!this.engines.has(by) || !this.engines.has(at)) continue;
      if (connection.ended) continue;
      this.violations.push(`${connection.id} was not ended`);
    }
    for (const channel of channels) {
      const truth = new Set<string>();
      for (const { connections } of this.engines) {
        for (const { id, channels: names } of connections.values()) {
          const follows = (name: string) =>
            name === channel || matches(name, channel);
          if (names.some(follows)) truth.add(id);
        }
      }
      const expected = [...truth].sort().join(" ");
      for (const engine of this.engines) {
        const told = engine.presence(channel).map(({ connection }) =>
          connection
        );
        if (told.sort().join(" ") === expected) continue;
        this.violations.push(`${channel}: ${told} there, not ${expected}`);
      }
    }
  }

  /**
   * Joins and leaves: what was told last of each connection is true. Where no node
   * has died and nothing was lost (`orderly`), none was told twice. While the others
   * take the node of those who watch for dead nothing is: then they ask again.
   */
  checkTold(
    frames: readonly Frame[],
    channel: string,
    orderly: boolean,
  ): void {
    const last = new Map<string, string>();
    let watcher: string | undefined;
    let lapsed = false;
    for (const { log, data, kind } of frames) {
      if (log === NODES) {
        const { node, watch, gone } = JSON.parse(data);
        if (gone?.includes(watcher)) lapsed = true;
        if (!watch?.includes(channel)) continue;
        watcher = node;
        if (lapsed) last.clear();
        lapsed = false;
      }
      if (log !== `$presence/${channel}`) continue;
      const { connection } = JSON.parse(data);
      if (orderly && !lapsed && last.get(connection) === kind) {
        this.violations.push(`${connection}: ${kind} of ${channel} came twice`);
      }
      last.set(connection, kind);
    }
    const [engine] = this.engines;
    const there = new Set(
      engine!.presence(channel).map(({ connection }) => connection),
    );
    for (const [id, kind] of last) {
      if ((kind === "join") === there.has(id)) continue;
      this.violations.push(`${id}: ${kind} of ${channel} was told last`);
    }
  }

  #look(id: string): void {
    if (this.of(id).length > 0) return;
    this.#absences.set(id, (this.#absences.get(id) ?? 0) + 1);
  }
}
