/**
 * Who is connected to which node: what every node knows of all, brought to the same
 * state by the same messages in the same order. Written by `roster.ts` alone.
 * @module
 */
import { isPattern, matches, patternsOf } from "../name.ts";

/** A connection of some node, in as little memory as can be. */
export interface Member {
  /** The public id of the connection. */
  readonly id: string;
  /** Who it is, if the policy of its node knows. */
  readonly subject: string | undefined;
  /** What it follows: one array for all who follow the same. */
  readonly names: readonly string[];
}

/** One node, as it has told of itself. */
export class NodeEntry {
  readonly members: Map<string, Member> = new Map();
  /** Channels of which somebody there wants to see joins and leaves. */
  readonly watched: Set<string> = new Set();
  /** The number of its newest message: what is not above it is a repeat. */
  number = 0;
  /** How many of our own beats have come since it was heard. */
  missed = 0;
  /** Whether it has told of all its connections. */
  told = false;
  /** Whether it has said goodbye. */
  leaving = false;
  /** While it tells all: what it is known for and has not named yet. */
  unnamed: Set<string> | undefined;
  #beats = 0;

  constructor(readonly id: string) {}

  /** Whether it should have told all by now; asked at each of our own beats. */
  owes(): boolean {
    return !this.told && ++this.#beats > 1;
  }
}

interface Names {
  readonly names: readonly string[];
  used: number;
}

/** How many nodes that are gone are remembered. */
const REMEMBERED = 1_000;

/** The nodes and their connections. */
export class Members {
  /** Nodes that are gone: what was written before that was heard may name them. */
  readonly #gone = new Set<string>();
  readonly nodes: Map<string, NodeEntry> = new Map();
  /** This node. */
  readonly self: NodeEntry;
  readonly #lists = new Map<string, Names>();
  /**
   * Who follows what at other nodes: this one has its logs for that. Many a channel
   * has one follower, who needs no set.
   */
  readonly #followers = new Map<string, Member | Set<Member>>();

  constructor(self: string) {
    this.self = this.node(self);
  }

  /** The node called `id`, known from now on. */
  node(id: string): NodeEntry {
    let node = this.nodes.get(id);
    if (!node) this.nodes.set(id, node = new NodeEntry(id));
    return node;
  }

  /** Nodes that others know, though this one may never have heard them. */
  mention(ids: readonly string[]): void {
    for (const id of ids) if (!this.#gone.has(id)) this.node(id);
  }

  /** The node called `id` is no more. */
  remove(id: string): void {
    this.nodes.delete(id);
    this.#gone.add(id);
    if (this.#gone.size <= REMEMBERED) return;
    for (const oldest of this.#gone) return void this.#gone.delete(oldest);
  }

  /** The nodes but this one. */
  get others(): NodeEntry[] {
    return [...this.nodes.values()].filter((node) => node !== this.self);
  }

  /** The nodes that have not said goodbye, by id. */
  get staying(): string[] {
    const nodes = [...this.nodes.values()].filter(({ leaving }) => !leaving);
    return nodes.map(({ id }) => id);
  }

  /** Whether anybody watches anything. */
  get watching(): boolean {
    for (const { watched } of this.nodes.values()) {
      if (watched.size > 0) return true;
    }
    return false;
  }

  /** A copy of connection `id` at another node, if there is one. */
  elsewhere(id: string): Member | undefined {
    for (const node of this.nodes.values()) {
      const member = node === this.self ? undefined : node.members.get(id);
      if (member) return member;
    }
    return undefined;
  }

  /** What connection `id` follows, at whatever nodes. */
  namesOf(id: string): string[] {
    const nodes = [...this.nodes.values()];
    return nodes.flatMap(({ members }) => members.get(id)?.names ?? []);
  }

  /** `node` has this connection, which follows `names`. */
  set(
    node: NodeEntry,
    id: string,
    subject: string | undefined,
    names: readonly string[],
  ): void {
    this.delete(node, id);
    const member = { id, subject, names: this.#intern(names) };
    node.members.set(id, member);
    if (node === this.self) return;
    for (const name of member.names) {
      const followers = this.#followers.get(name);
      if (followers instanceof Set) followers.add(member);
      else if (!followers) this.#followers.set(name, member);
      else this.#followers.set(name, new Set([followers, member]));
    }
  }

  /** `node` has this connection no more. */
  delete(node: NodeEntry, id: string): void {
    const member = node.members.get(id);
    if (!member) return;
    node.members.delete(id);
    const key = member.names.join("\n");
    const list = this.#lists.get(key)!;
    if (--list.used === 0) this.#lists.delete(key);
    if (node === this.self) return;
    for (const name of member.names) {
      const followers = this.#followers.get(name);
      if (followers instanceof Set) followers.delete(member);
      if (followers instanceof Set && followers.size > 0) continue;
      this.#followers.delete(name);
    }
  }

  /** Who follows `channel` at other nodes, by name or by a pattern. */
  *following(channel: string): Generator<Member, void> {
    for (const name of [channel, ...patternsOf(channel)]) {
      const followers = this.#followers.get(name);
      if (followers instanceof Set) yield* followers;
      else if (followers) yield followers;
    }
  }

  /** Channels that `names` cover and that somebody watches, at whatever node. */
  watched(names: readonly string[]): Set<string> {
    const found = new Set<string>();
    for (const { watched } of this.nodes.values()) {
      if (watched.size === 0) continue;
      for (const name of names) {
        if (watched.has(name)) found.add(name);
        if (!isPattern(name)) continue;
        for (const channel of watched) {
          if (matches(name, channel)) found.add(channel);
        }
      }
    }
    return found;
  }

  #intern(names: readonly string[]): readonly string[] {
    const key = names.join("\n");
    let list = this.#lists.get(key);
    if (!list) this.#lists.set(key, list = { names, used: 0 });
    list.used++;
    return list.names;
  }
}
