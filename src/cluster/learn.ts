/**
 * How what is known of a node changes by what it says: the same at every node.
 * @module
 */
import type { Members, NodeEntry } from "./members.ts";
import { presenceLog } from "../name.ts";
import type { Joined, Said } from "./said.ts";

/** A connection that follows other names now, all nodes taken together. */
export interface Change {
  readonly id: string;
  readonly subject: string | undefined;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** Who wants to know of changes. */
export type Told = (change: Change) => void;

/** Takes what `node` says of its connections, and of what they watch. */
export function learn(
  members: Members,
  node: NodeEntry,
  said: Said,
  tell: Told | undefined,
): void {
  if (said.first) {
    const watched = [...node.watched].map(presenceLog);
    node.unnamed = new Set([...node.members.keys(), ...watched]);
  }
  for (const channel of said.watch ?? []) {
    node.watched.add(channel);
    node.unnamed?.delete(presenceLog(channel));
  }
  for (const channel of said.unwatch ?? []) node.watched.delete(channel);
  for (const joined of said.joined ?? []) {
    const [id, list, , , subject] = joined;
    change(members, id, subject, tell, () => {
      members.set(node, id, subject, said.lists![list]!);
    });
    node.unnamed?.delete(id);
  }
  for (const id of said.left ?? []) leave(members, node, id, tell);
  if (!said.last) return;
  node.told = true;
  for (const name of node.unnamed ?? []) {
    if (node.members.has(name)) leave(members, node, name, tell);
    else node.watched.delete(name.slice(presenceLog("").length));
  }
  node.unnamed = undefined;
}

/** Takes it that `node` has no connections any more. */
export function forget(
  members: Members,
  node: NodeEntry,
  tell: Told | undefined,
): void {
  for (const id of [...node.members.keys()]) leave(members, node, id, tell);
  node.watched.clear();
}

/**
 * Whether the client of a connection here has gone to another node since, where it
 * `joined`. While it polls at both in turn, both keep it. `skew` is by how much their
 * clocks may differ, in ms.
 */
export function hasMoved(
  here: {
    readonly sink: unknown;
    readonly channels: readonly string[];
    readonly awaySince: number;
  },
  [, list, parked, ago]: Joined,
  { time, lists }: Said,
  skew: number,
): boolean {
  const later = time - ago - here.awaySince;
  if (here.sink) return parked !== 0 && later > skew;
  if (later <= 0) return false;
  return parked === "stream" || !same(here.channels, lists![list]!);
}

function same(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length &&
    one.every((name) => other.includes(name));
}

function leave(
  members: Members,
  node: NodeEntry,
  id: string,
  tell: Told | undefined,
): void {
  const subject = node.members.get(id)?.subject;
  change(members, id, subject, tell, () => members.delete(node, id));
}

function change(
  members: Members,
  id: string,
  subject: string | undefined,
  tell: Told | undefined,
  make: () => void,
): void {
  if (!tell) return make();
  const before = members.namesOf(id);
  make();
  const after = members.namesOf(id);
  tell({ id, subject, before, after });
}
