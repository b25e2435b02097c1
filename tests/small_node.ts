/**
 * A node over a backplane that is moved by hand, for tests of what is inside an
 * engine.
 * @module
 */
import { Connection } from "../src/connection.ts";
import { idOfKey, newKey } from "../src/key.ts";
import { Node } from "../src/node.ts";
import { type EngineOptions, settingsOf } from "../src/options.ts";
import { HandBackplane } from "./hand_backplane.ts";
import { manualClock } from "./harness.ts";

/** Where the order begins, whether it can be read, and the engine's options. */
export interface SmallNodeOptions extends EngineOptions {
  readonly seq?: number;
  readonly readable?: boolean;
}

/** A node and the hand on its backplane. */
export class SmallNode {
  readonly backplane: HandBackplane;
  readonly clock = manualClock();
  readonly node: Node;
  /** What went to `error` listeners. */
  readonly errors: unknown[] = [];

  /** Takes part in the order of `backplane` from now on, if that is given. */
  constructor(options: SmallNodeOptions = {}, backplane?: HandBackplane) {
    const { seq = 0, readable = false } = options;
    this.backplane = backplane ?? new HandBackplane({ seq, readable });
    const settings = settingsOf({ clock: this.clock, preload: 0, ...options });
    this.node = new Node(settings, this.backplane);
    this.node.events.on("error", (error) => void this.errors.push(error));
    this.node.feed.start();
  }

  /** Publishes one message to each of these logs. */
  publish(...logs: string[]): void {
    for (const log of logs) {
      this.backplane.publish({ log, channel: log, data: "0", time: 1_000_000 });
    }
  }

  /** A connection that follows these channels and patterns from now on. */
  connection(...names: string[]): Connection {
    const { node } = this;
    const key = newKey();
    const connection = new Connection(node, idOfKey(key), key, undefined);
    node.connections.set(connection.id, connection);
    node.follow(connection, node.logs.all, true);
    for (const name of names) node.follow(connection, node.logs.open(name));
    return connection;
  }
}
