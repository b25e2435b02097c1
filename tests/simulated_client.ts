/**
 * A client as the property test plays it: it takes frames as they come, keeps the
 * last id like a browser, loses its connection, and comes back. It checks what
 * every single frame must hold; the test checks the whole.
 * @module
 */
import type { Connection } from "../src/connection.ts";
import type { Sink } from "../src/sink.ts";
import type { Engine } from "../src/engine.ts";
import { Chunk } from "../src/frame.ts";
import { matches } from "../src/name.ts";
import { parseId, type Position } from "../src/position.ts";
import { poll } from "../src/transport/poll.ts";

/** How a client reads. */
export type Kind = "eager" | "slow" | "poll";

/** What the server has written and the client may not have read yet. */
interface Written {
  readonly id?: string | undefined;
  readonly message?: { log: string; channel: string; seq: number };
  readonly reset?: { name: string | undefined; floor: number };
}

/** Messages that a `reset` has excused: those of a log in a range. */
interface Excuse {
  readonly name: string;
  readonly above: number;
  readonly upTo: number;
}

/** One client over all its connections. */
export class SimulatedClient {
  /** What it knows to have had: the last id it has seen. */
  cursor: Position | undefined;
  /** Where its obligations begin, in the epoch of its cursor. */
  start = 0;
  received: number[] = [];
  excuses: Excuse[] = [];
  key: string | undefined;
  connection: Connection | undefined;
  /** The private logs of all the connections it has had. */
  readonly own = new Set<string>();
  /** Since when its private log is its own. */
  privateSince = 0;
  connecting = false;
  engine: Engine | undefined;
  /** How many writes it has room for (`slow`). */
  room = 0;
  /** Whether it stood at the present with room: no `reset` may come now. */
  clean = false;
  /** What was wrong, said so that a failing schedule can be understood. */
  readonly violations: string[] = [];
  #written: Written[] = [];
  #abort: AbortController | undefined;

  constructor(
    readonly name: string,
    readonly kind: Kind,
    readonly channels: readonly string[],
    readonly world: Readonly<{ epoch: string; losses: number }>,
  ) {}

  get parked(): boolean {
    return this.engine !== undefined;
  }

  /** Connects to `engine`, with the last id, and with the key or without. */
  async connect(engine: Engine, reclaim: boolean): Promise<void> {
    if (this.parked || this.connecting) return;
    this.connecting = true;
    const { cursor } = this;
    const since = cursor && `${cursor.epoch}-${cursor.seq}`;
    try {
      const connection = await engine.connect({
        channels: this.channels,
        key: reclaim ? this.key : undefined,
        since,
      });
      // Killed meanwhile.
      if (engine.node.closed) return;
      this.#park(engine, connection, since === undefined);
    } finally {
      this.connecting = false;
    }
  }

  #park(engine: Engine, connection: Connection, fresh: boolean): void {
    if (this.key !== connection.key || fresh) {
      this.privateSince = connection.born;
      this.key = connection.key;
    }
    this.connection = connection;
    this.own.add(`$${connection.id}`);
    this.engine = engine;
    this.clean = false;
    this.#written = [];
    if (this.kind === "poll") {
      // Its first answer begins where its connection does.
      if (fresh) this.#begin({ epoch: connection.epoch, seq: connection.sent });
      return void this.#poll(engine, connection, fresh);
    }
    connection.park(this.#sink(engine, connection));
    if (!this.parked) return;
    // `open` names where this stream starts (O8).
    this.#write({ id: connection.position });
    connection.flush();
  }

  #sink(engine: Engine, connection: Connection): Sink {
    const gone = () => this.connection !== connection || !this.parked;
    const flush = () => {
      while (!gone() && (this.kind === "eager" || this.room > 0)) {
        const next = connection.next();
        if (!next) return;
        this.room--;
        if (next instanceof Chunk) {
          for (const { log, channel, seq, id } of next.frames) {
            this.#write({ id, message: { log, channel, seq } });
          }
        } else if (next.data.type === "reset") {
          const { channel: name, id } = next.data;
          this.#write({ id, reset: { name, floor: floorOf(engine, name) } });
        }
      }
    };
    const sweep = () => {
      if (this.kind === "slow" && this.room <= 0) return;
      flush();
      const settled = connection.settle();
      this.#write({ id: settled ? engine.node.id : undefined });
    };
    const close = () => this.#lose();
    return { transport: "stream", flush, sweep, close };
  }

  async #poll(engine: Engine, connection: Connection, fresh: boolean) {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    const wait = fresh ? 0 : 1_000;
    const response = await poll(engine, connection, { wait, signal })
      .catch(() => undefined);
    if (this.connection !== connection || signal.aborted) return;
    if (response?.status !== 200) return this.#lose();
    const answer = await response.json();
    if (signal.aborted) return;
    const end = parseId(answer.id ?? "");
    if (answer.reset === true) {
      // Whatever came after the present of then is in this very answer.
      const first = answer.messages[0] && parseId(answer.messages[0].id);
      const seq = first ? first.seq - 1 : end!.seq;
      const id = `${end!.epoch}-${seq}`;
      this.#write({ id, reset: { name: undefined, floor: 0 } });
    } else {
      for (const name of answer.reset ?? []) {
        // Its id is past everything the reset covers (N5).
        const floor = Math.min(floorOf(engine, name), end?.seq ?? 0);
        this.#write({ reset: { name, floor } });
      }
    }
    for (const { id, channel } of answer.messages) {
      const { seq } = parseId(id)!;
      this.#write({ id, message: { log: "", channel, seq } });
    }
    this.#write({ id: answer.id });
    this.read(Infinity);
    this.#lose();
  }

  #write(written: Written): void {
    if (written.id !== undefined && this.kind !== "poll") {
      const { epoch, applied } = this.engine!.node;
      const id = parseId(written.id)!;
      if (id.epoch !== epoch || id.seq > applied) {
        this.#violated(`named ${written.id} above (O2)`);
      }
    }
    this.#written.push(written);
    if (this.kind === "eager") this.read(Infinity);
  }

  /** Reads some of what has arrived. */
  read(count: number): void {
    for (const written of this.#written.splice(0, count)) this.#take(written);
  }

  #take({ id, message, reset }: Written): void {
    if (reset) this.#reset(reset.name, reset.floor, id);
    if (id === undefined) return;
    const at = parseId(id)!;
    if (this.cursor?.epoch === at.epoch && at.seq < this.cursor.seq) {
      this.#violated(`${id} is below its cursor (O8)`);
    }
    if (this.cursor?.epoch !== at.epoch) {
      if (this.cursor) this.#violated(`another epoch without reset (O6)`);
      this.#begin(message ? { ...at, seq: at.seq - 1 } : at);
    }
    if (message) this.#receive(message.log, message.channel, at);
    this.cursor = at;
  }

  #begin(at: Position): void {
    this.cursor = at;
    this.start = at.seq;
    this.privateSince = 0;
    this.received = [];
    this.excuses = [];
  }

  #reset(name: string | undefined, floor: number, id: string | undefined) {
    if (name === undefined) {
      if (this.cursor?.epoch === this.world.epoch) {
        this.#violated(`reset of all in the present epoch (O3)`);
      }
      // All that came before is excused; it goes on at the present.
      return this.#begin(parseId(id!)!);
    }
    if (this.clean && this.world.losses === 0) {
      this.#violated(`reset of ${name} in spite of room`);
    }
    if (!this.covers(name)) {
      this.#violated(
        `reset of ${name}, not subscribed (O7)`,
      );
    }
    this.excuses.push({
      name,
      above: this.cursor?.seq ?? 0,
      upTo: floor,
    });
  }

  #receive(log: string, channel: string, at: Position): void {
    if (!log.startsWith("$") && log !== "" && !this.wants(channel)) {
      this.#violated(`got ${channel} without subscription`);
    }
    if (this.cursor?.epoch === at.epoch && at.seq <= this.cursor.seq) {
      this.#violated(`got ${at.seq} twice or out of order`);
    }
    this.received.push(at.seq);
  }

  #violated(what: string): void {
    this.violations.push(`${this.name}: ${what}`);
  }

  /** Whether it is subscribed to what `channel` brings. */
  wants(channel: string): boolean {
    return this.channels.some((name) =>
      name === channel || matches(name, channel)
    );
  }

  /** Whether `name` is one of the logs it follows. */
  covers(name: string): boolean {
    return this.channels.includes(name) || name === "$all" ||
      name === `$${this.connection?.id}`;
  }

  /** Whether a reset has told that this message may be missing. */
  excused(log: string, seq: number): boolean {
    return this.excuses.some(({ name, above, upTo }) =>
      seq > above && seq <= upTo && (name === log || matches(name, log))
    );
  }

  /** Its connection breaks; what it has not read is lost on the way. */
  disconnect(): void {
    this.#abort?.abort();
    this.#lose();
  }

  #lose(): void {
    const { connection } = this;
    this.engine = undefined;
    this.#written = [];
    this.#abort = undefined;
    this.clean = false;
    if (connection?.sink) connection.unpark(connection.sink);
  }
}

function floorOf(engine: Engine, name: string | undefined): number {
  return name === undefined ? 0 : engine.node.logs.get(name)?.floor ?? 0;
}
