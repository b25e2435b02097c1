/**
 * What a node has to tell the others, collected until it is told: one message at a
 * time, each once it is known that the former one has arrived.
 * @module
 */
import type { Backplane } from "../backplane.ts";
import { setImmediate } from "../deps.ts";
import { isAway } from "../errors.ts";
import type { Members } from "./members.ts";
import { NODES } from "../name.ts";
import type { Node } from "../node.ts";
import { Orders } from "./orders.ts";
import type { Questions } from "./questions.ts";
import { Report } from "./report.ts";
import type { Said } from "./said.ts";

/** How long a client that was sent to another node may be on its way, in ms. */
const WAY = 10_000;
/** How many changes are remembered beyond one for each connection that is here. */
const SPARE = 10_000;

/** The way of a node's messages to the backplane. */
export class Speaker {
  /** What is to be ended at other nodes. */
  readonly orders: Orders;
  /** Whether it has ever heard the others out: then it may tell who is here. */
  #settled = false;
  /** Whether it has since something was lost: then it may ask about one of them. */
  #sure = false;
  readonly #node: Node;
  readonly #backplane: Backplane;
  readonly #members: Members;
  readonly #questions: Questions;
  #sending: { said: Said; text: string; failed: boolean } | undefined;
  #number = 0;
  #scheduled = false;
  #closed = false;

  // What is to be told.
  readonly #flags = new Set<"beat" | "hello">();
  #all = false;
  /** While all is told: what has not been named yet. */
  #rest: Set<string> | undefined;
  #begins = false;
  readonly #changed = new Set<string>();
  readonly #watch = new Set<string>();
  readonly #unwatch = new Set<string>();
  /** Channels that nobody here watches any more, as the message on its way says. */
  #unwatched = new Set<string>();
  /** Connections that were sent to other nodes, and when. */
  readonly #leaving = new Map<string, number>();
  readonly #gone = new Set<string>();
  readonly #answers = new Map<string, number>();

  constructor(
    node: Node,
    backplane: Backplane,
    members: Members,
    questions: Questions,
  ) {
    this.#node = node;
    this.#backplane = backplane;
    this.#members = members;
    this.#questions = questions;
    const ask = () => {
      const answers = questions.ask("", this.#node.settings.clock.now());
      this.soon();
      return answers;
    };
    this.orders = new Orders(ask);
  }

  /** How much is to be told, or may have to be told again. */
  get untold(): number {
    return this.#changed.size + this.#watch.size + this.orders.size;
  }

  /** Gives a sign of life, or asks for all. */
  say(flag: "beat" | "hello"): void {
    this.#flags.add(flag);
    this.soon();
  }

  /** Connection `id` has come, gone or changed. */
  changed(id: string): void {
    this.#changed.add(id);
    // Nobody hears us, and many have come and gone: it is less to tell all.
    if (this.#changed.size > this.#node.connections.size + SPARE) {
      this.#changed.clear();
      this.#all = true;
    }
    this.soon();
  }

  /** Connection `id` was sent to another node: it has not left yet. */
  leaving(id: string): void {
    this.#leaving.set(id, this.#node.settings.clock.now());
  }

  /** The others have had the time to tell all. */
  settle(): void {
    if (!this.#settled) this.tellAll();
    this.#settled = this.#sure = true;
  }

  /** Tells all, at the next sweep: those of many nodes do not fall together. */
  tellAll(): void {
    this.#all = true;
    this.orders.again();
  }

  /** Whether all nodes tell who joins and leaves `channel`, and go on to. */
  watches(channel: string): boolean {
    return this.#members.self.watched.has(channel) &&
      !this.#unwatch.has(channel) && !this.#unwatched.has(channel);
  }

  /** Somebody here is about to watch `channel`. */
  watch(channel: string): void {
    this.#watch.add(channel);
    this.#unwatch.delete(channel);
    this.soon();
  }

  /** The channels that somebody here is about to watch, as far as it is not told. */
  get watching(): Iterable<string> {
    return this.#watch;
  }

  /** Nobody here watches `channel`. */
  unwatch(channel: string): void {
    if (!this.#watch.delete(channel)) this.#unwatch.add(channel);
  }

  /** Node `id` has not been heard for too long. */
  gone(id: string): void {
    this.#gone.add(id);
    this.soon();
  }

  /** Tells `node`, which asked in its message `number`, once all has been told. */
  answer(node: string, number: number): void {
    this.#answers.set(node, number);
    this.soon();
  }

  /** The message of this number has come back. */
  heard(number: number): void {
    if (this.#sending?.said.number !== number) return;
    this.#sending = undefined;
    this.#unwatched.clear();
    this.soon();
  }

  /** What was on its way may not come: all is told again. */
  lost(): void {
    this.#sending = undefined;
    this.#unwatched.clear();
    this.#rest = undefined;
    this.tellAll();
    this.#sure = false;
    this.soon();
  }

  /** What could not be told, or is due, is told now. */
  sweep(): void {
    if (this.#closed) return;
    const now = this.#node.settings.clock.now();
    for (const [id, sent] of this.#leaving) {
      if (now - sent < WAY) break;
      this.#leaving.delete(id);
      this.#changed.add(id);
    }
    if (this.#all && this.#settled && !this.#rest) this.#begins = true;
    if (this.#sending?.failed) void this.#send();
    else this.#speak();
  }

  /** Says goodbye; nothing more is told. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#number === 0) return;
    const report = this.#report(++this.#number);
    report.flag("bye");
    await this.#publish(JSON.stringify(report.said));
  }

  /** Tells after this turn of the event loop what has come together in it. */
  soon(): void {
    if (this.#scheduled || this.#sending || this.#closed) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#speak();
    });
  }

  #speak(): void {
    if (this.#sending || this.#closed || this.#node.epoch === "") return;
    const report = this.#report(this.#number + 1);
    this.#fill(report);
    if (report.empty) return;
    this.#number++;
    const { said } = report;
    this.#sending = { said, text: JSON.stringify(said), failed: false };
    void this.#send();
  }

  #report(number: number): Report {
    const { clock } = this.#node.settings;
    return new Report(this.#members.self.id, number, clock.now());
  }

  async #send(): Promise<void> {
    const sending = this.#sending!;
    sending.failed = false;
    try {
      await this.#publish(sending.text);
    } catch (error) {
      // Published or not, the same is published again: a repeat is told by its number.
      sending.failed = true;
      this.orders.trim();
      if (!isAway(error)) this.#node.fail(error);
    }
  }

  async #publish(data: string): Promise<void> {
    const time = this.#node.settings.clock.now();
    await this.#backplane.publish({ log: NODES, channel: NODES, data, time });
  }

  #fill(report: Report): void {
    for (const flag of ["beat", "hello"] as const) {
      if (this.#flags.delete(flag)) report.flag(flag);
    }
    for (const id of this.#gone) report.add("gone", id);
    this.#gone.clear();
    this.orders.tell(report);
    if (this.#begins) {
      this.#begins = this.#all = false;
      const { connections } = this.#node;
      this.#rest = new Set([...connections.keys(), ...this.#leaving.keys()]);
      this.#changed.clear();
      for (const channel of this.#node.logs.watched) this.#watch.add(channel);
      report.flag("first");
      for (const id of this.#members.staying) report.add("nodes", id);
    }
    move(this.#watch, report, (channel) => report.add("watch", channel));
    move(this.#unwatch, report, (channel) => report.add("unwatch", channel));
    this.#unwatched = new Set(report.said.unwatch);
    if (!this.#settled) return;
    if (this.#rest) {
      move(this.#rest, report, (id) => this.#join(report, id));
      if (this.#rest.size > 0) return;
      this.#rest = undefined;
      report.flag("last");
    }
    move(this.#changed, report, (id) => this.#join(report, id));
    // Whoever answers has heard all orders that were given before.
    if (this.#sure && this.#questions.due && !this.orders.due) {
      this.#questions.send();
      report.flag("ask");
    }
    // Who asked has been told all only if nothing is left.
    if (this.#changed.size > 0 || this.#all) return;
    for (const answer of this.#answers) report.add("answers", answer);
    this.#answers.clear();
  }

  #join(report: Report, id: string): void {
    const connection = this.#node.connections.get(id);
    if (!connection) {
      const member = this.#members.self.members.get(id);
      const sent = this.#leaving.get(id);
      if (member && sent) {
        report.join(id, member.names, 0, sent, member.subject);
      } else if (member) report.add("left", id);
      return;
    }
    const { channels, identity, awaySince, transport } = connection;
    const polls = transport === "poll" && transport;
    const parked = transport === undefined ? 0 : polls || "stream";
    report.join(id, channels, parked, awaySince, identity?.subject);
  }
}

/** Takes out of `from` what fits into the report. */
function move(
  from: Set<string>,
  report: Report,
  say: (item: string) => void,
): void {
  for (const item of from) {
    if (report.full) return;
    from.delete(item);
    say(item);
  }
}
