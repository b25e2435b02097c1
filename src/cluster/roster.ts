/**
 * Several nodes behave as one: each tells the others, in the log `$nodes`, who is
 * connected to it, and all hear that in the same order. It needs nothing else of a
 * backplane.
 *
 * What a message changes, it changes at every node at the same place in the order.
 * The joins and leaves that follow from it are told by its sender.
 * @module
 */
import type { Backplane } from "../backplane.ts";
import { checkDrop, drop, dropSubject } from "../drops.ts";
import { type DropReason, PushError } from "../errors.ts";
import type { Frame } from "../frame.ts";
import { newNodeId } from "../key.ts";
import { type Change, forget, hasMoved, learn, type Told } from "./learn.ts";
import { type Member, Members, type NodeEntry } from "./members.ts";
import { NODES } from "../name.ts";
import type { Node, Peers } from "../node.ts";
import { missed } from "../presence.ts";
import { Announcer } from "./announcer.ts";
import { Questions } from "./questions.ts";
import { recall } from "./recall.ts";
import { type DropOrder, type Said, saidIn } from "./said.ts";
import { Speaker } from "./speaker.ts";
import { Watchers } from "./watchers.ts";

/** How often a node gives a sign of life, in ms. */
const BEAT = 5_000;
/** A node that is silent for so many beats of another is gone: 15 to 20 s. */
const SILENT = 4;
/** The same after a goodbye: its clients need a moment to come to another. */
const LEAVING = 2;
/** How long a new node listens to the others before it tells who is here, in ms. */
const SETTLE = 2_500;
/** By how much the clocks of two nodes may differ, in ms. */
const SKEW = 1_000;
/** How long a goodbye may take, in ms. */
const GOODBYE = 500;

/** What this node knows of all, and its end of telling it. */
export class Roster implements Peers {
  readonly #members = new Members(newNodeId());
  readonly #questions = new Questions();
  readonly #node: Node;
  readonly #speaker: Speaker;
  readonly #announcer: Announcer;
  readonly #watchers = new Watchers();
  #beaten = 0;
  /** When all that live have had the time to tell who is there. */
  #settles = Infinity;

  constructor(node: Node, backplane: Backplane) {
    this.#node = node;
    const [members, questions] = [this.#members, this.#questions];
    const fail = (error: unknown) => node.fail(error);
    this.#speaker = new Speaker(node, backplane, members, questions);
    this.#announcer = new Announcer(backplane, members, fail);
    const changed = ({ id }: { readonly id: string }) =>
      this.#speaker.changed(id);
    node.events.on("connect", changed);
    node.events.on("subscribe", changed);
    node.events.on("unsubscribe", changed);
    node.events.on("drop", (connection, reason) => {
      if (reason !== "shutdown") return changed(connection);
      this.#speaker.leaving(connection.id);
    });
  }

  /** Who follows `channel` at other nodes. */
  following(channel: string): Iterable<Member> {
    return this.#members.following(channel);
  }

  /** A copy of connection `id` at another node. */
  find(id: string): Member | undefined {
    return this.#members.elsewhere(id);
  }

  /** Whether any node has connection `id`: false is certain. */
  async reaches(id: string): Promise<boolean> {
    if (this.find(id)) return true;
    const answer = this.#questions.ask(id, this.#now);
    this.#speaker.soon();
    // It may have come here while the others were asked.
    return await answer || this.#node.connections.has(id);
  }

  /** How much the others have not heard from here. */
  get untold(): number {
    return this.#speaker.untold;
  }

  /** Resolves once all nodes tell who joins and leaves `channels`. */
  async watch(channels: readonly string[]): Promise<void> {
    if (channels.every((each) => this.#speaker.watches(each))) return;
    // It may have been closed while its client waited for something else.
    this.#node.ready();
    for (const channel of channels) this.#speaker.watch(channel);
    await this.#watchers.wait(channels, this.#now);
  }

  /** Has a connection ended wherever else it is. */
  drop(id: string, reason: DropReason, after?: number): void {
    checkDrop(reason, after);
    if (reason === "kicked") this.#node.barred.ticket(id, this.#now);
    this.#speaker.orders.give({ id, reason, after }, this.#now);
  }

  /** The same for all of a subject; how many are known and not here. */
  dropSubject(subject: string, reason: DropReason, after?: number): number {
    checkDrop(reason, after, subject);
    this.#speaker.orders.give({ subject, reason, after }, this.#now);
    const found = new Set<string>();
    for (const { members } of this.#members.others) {
      for (const [id, member] of members) {
        if (member.subject !== subject) continue;
        if (!this.#node.connections.has(id)) found.add(id);
      }
    }
    return found.size;
  }

  /** Does what is due at `now`, in ms since 1970. */
  sweep(now: number): void {
    if (this.#node.epoch === "") return;
    if (now >= this.#settles) this.#speaker.settle();
    if (now - this.#beaten >= BEAT) {
      this.#beaten = now;
      this.#speaker.say("beat");
    }
    this.#questions.sweep(now);
    this.#watchers.sweep(now);
    const { watched } = this.#node.logs;
    const awaited = this.#watchers.channels;
    const { watching } = this.#speaker;
    for (const channel of [...this.#members.self.watched, ...watching]) {
      if (watched.has(channel) || awaited.has(channel)) continue;
      this.#speaker.unwatch(channel);
    }
    for (const channel of watched) {
      if (!this.#speaker.watches(channel)) this.#speaker.watch(channel);
    }
    this.#announcer.announce();
    this.#speaker.sweep();
  }

  /** Refuses all who wait; says goodbye, if that does not take long. */
  async close(): Promise<void> {
    const { clock } = this.#node.settings;
    const { promise, resolve } = Promise.withResolvers<void>();
    const stop = clock.schedule(resolve, GOODBYE);
    // Nobody hears it: then this node is missed in time.
    const said = this.#speaker.close().catch(() => {});
    const back = this.#node.drain?.back();
    const reason = new PushError("shutdown", undefined, back);
    this.#questions.close(reason);
    this.#watchers.close(reason);
    await Promise.race([said, promise]);
    stop();
  }

  /** The feed has begun, or something of it is missing: everybody tells all. */
  lost(): void {
    this.#announcer.lost();
    this.#again();
  }

  /** The others do not know us, or we do not know them. */
  #again(): void {
    for (const node of this.#members.others) node.missed = 0;
    this.#settles = Infinity;
    this.#questions.lost();
    this.#speaker.lost();
    for (const channel of this.#watchers.channels) this.#speaker.watch(channel);
    this.#speaker.say("hello");
  }

  /**
   * Takes a message of a node, this one included, or from before it was there; or what
   * a node told of joins.
   */
  hear(frame: Frame): void {
    if (this.#node.epoch === "") {
      return recall(this.#members, frame, this.#now - SILENT * BEAT);
    }
    try {
      if (frame.log === NODES) this.#hear(frame, saidIn(frame.data));
      else if (frame.kind !== "message") this.#announcer.heard(frame);
    } catch (error) {
      this.#node.fail(error);
    }
    this.#announcer.announce();
  }

  #hear(frame: Frame, said: Said): void {
    const node = this.#members.node(said.node);
    if (said.number <= node.number) return;
    node.number = said.number;
    node.missed = 0;
    // Who has begun while one of them stood still has not heard of that one.
    this.#members.mention(said.nodes ?? []);
    const untold = (said.watch ?? []).filter((each) => !node.watched.has(each));
    // What follows from it is told by who said it, and known to all.
    const tell = said.watch || this.#members.watching
      ? (change: Change) => this.#announcer.owe(node.id, frame, change)
      : undefined;
    learn(this.#members, node, said, tell);
    for (const id of said.gone ?? []) this.#gone(id, tell);
    if (node !== this.#members.self) return this.#told(node, said);
    this.#returned(said);
    // Who watches already, though nobody knew: we were taken for dead.
    for (const channel of untold) missed(this.#node, channel);
  }

  get #now(): number {
    return this.#node.settings.clock.now();
  }

  /** Our own message is back: all nodes know what it says, or will. */
  #returned(said: Said): void {
    if (said.hello) {
      this.#settles = Math.min(this.#settles, this.#now + SETTLE);
    }
    if (said.ask) {
      const others = this.#members.others.filter(({ leaving }) => !leaving);
      this.#questions.asked(said.number, others.map(({ id }) => id));
    }
    if (said.beat) this.#beatCame();
    this.#speaker.heard(said.number);
    this.#watchers.check((channel) => this.#speaker.watches(channel));
  }

  /** Time is counted in our own beats: without a backplane nobody is missed. */
  #beatCame(): void {
    const { self, others } = this.#members;
    for (const node of others) node.missed++;
    const limit = ({ leaving }: NodeEntry) => leaving ? LEAVING : SILENT;
    const live = others.filter((node) =>
      !node.leaving && node.missed < limit(node)
    );
    // One of those who live says who does not; another if that one does not know.
    const first = live.every(({ id }) => id > self.id);
    const patience = first ? 0 : 2;
    for (const node of others) {
      if (node.missed >= limit(node) + patience) this.#speaker.gone(node.id);
    }
    this.#announcer.beat(first);
    // One that has just come has not told all yet.
    if (live.some((node) => node.owes())) this.#speaker.say("hello");
  }

  /** Another node has something to tell us. */
  #told(node: NodeEntry, said: Said): void {
    for (const joined of said.joined ?? []) {
      this.#questions.found(joined[0]);
      const here = this.#node.connections.get(joined[0]);
      if (!here || !hasMoved(here, joined, said, SKEW)) continue;
      drop(this.#node, here, "replaced");
    }
    if (said.hello) this.#speaker.tellAll();
    if (said.ask) this.#speaker.answer(node.id, said.number);
    for (const [asker, number] of said.answers ?? []) {
      if (asker !== this.#members.self.id) continue;
      this.#questions.answered(node.id, number);
    }
    if (said.bye) {
      node.leaving = true;
      this.#questions.answered(node.id);
    }
    for (const order of said.drop ?? []) this.#obey(order);
    if (this.#questions.due) this.#speaker.soon();
  }

  #obey(order: DropOrder): void {
    const { id, subject, reason, after, given } = order;
    const node = this.#node;
    if (subject !== undefined) dropSubject(node, subject, reason, after, given);
    if (id === undefined) return;
    const connection = node.connections.get(id);
    // Who is sent away from another node may come to this one next, with a ticket.
    const bars = !connection && reason === "kicked";
    if (bars) node.barred.ticket(id, this.#now);
    if (!connection) return;
    // One that has come since is not meant by an order that is repeated.
    if (given !== undefined && connection.awaySince > given) return;
    drop(node, connection, reason, after);
  }

  /** A node is gone, and with it who was nowhere else. */
  #gone(id: string, tell: Told | undefined): void {
    const node = this.#members.nodes.get(id);
    if (!node) return;
    forget(this.#members, node, tell);
    // The others have not heard us for long: they have to be told again.
    if (node === this.#members.self) return this.#again();
    this.#members.remove(id);
    this.#questions.answered(id);
  }
}
