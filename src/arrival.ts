/**
 * A client connects, or comes back: it is checked, placed in the order, and made
 * to follow its channels.
 * @module
 */
import { checkIdentity } from "./auth/barred.ts";
import type { Backplane } from "./backplane.ts";
import { Connection } from "./connection.ts";
import { PushError } from "./errors.ts";
import { idOfKey, isKey, newKey } from "./key.ts";
import { isPattern, presenceLog, privateLog } from "./name.ts";
import type { Node } from "./node.ts";
import { Past } from "./past.ts";
import type { Identity } from "./policy.ts";
import { locate, type Start } from "./resume.ts";
import { checkChannels, checkOpen, checkRoom } from "./room.ts";

/** The value of `since` that asks for everything that is held. */
export const EARLIEST = "earliest";

/** What a client asks for when it connects or comes back. */
export interface ConnectOptions {
  /** Channels and patterns; a known connection may leave them as they are. */
  readonly channels: readonly string[];
  /** The key of the connection to be reclaimed. */
  readonly key?: string | undefined;
  /** The id of what it had last, or `earliest`. */
  readonly since?: string | undefined;
  /** Whether it wants to see who joins and leaves its channels. */
  readonly watch?: boolean | undefined;
  /**
   * Whether it may begin without any channel, as other protocols do: what is sent to
   * all comes with the first.
   */
  readonly bare?: boolean | undefined;
  /** Who it is. */
  readonly identity?: Identity | undefined;
  /** Where it comes from, if that has a quota. */
  readonly address?: string | undefined;
}

/**
 * Gives a client its connection: the one its key belongs to, or a new one. A
 * refusal is a `PushError`, and changes nothing.
 */
export async function connect<T>(
  node: Node,
  backplane: Backplane,
  options: ConnectOptions,
  park: (connection: Connection) => T,
): Promise<Awaited<T>> {
  const earliest = options.since === EARLIEST;
  const past = earliest ? new Past(node, options.channels) : undefined;
  try {
    return await arrive(node, backplane, options, past, park);
  } finally {
    past?.release();
  }
}

async function arrive<T>(
  node: Node,
  backplane: Backplane,
  options: ConnectOptions,
  past: Past | undefined,
  park: (connection: Connection) => T,
): Promise<Awaited<T>> {
  const { since, identity } = options;
  const { times } = node.barred;
  const names = new Set(options.channels);
  checkChannels(node, names);
  const channels = [...names];
  if (options.watch && channels.some(isPattern)) {
    const detail = "Joins and leaves are told for channels, not for patterns.";
    throw new PushError("invalid_request", detail);
  }
  if (options.key !== undefined && !isKey(options.key)) {
    throw new PushError("invalid_request", "This is not a connection's key.");
  }
  if (identity?.key !== undefined && options.key !== identity.key) {
    throw new PushError("forbidden", "The ticket is for another connection.");
  }
  const key = options.key ?? newKey();
  const id = idOfKey(key);
  let known = find(node, id, identity);
  // Who is here already has a turn of its own.
  if (!known) checkOpen(node);
  const who = { subject: identity?.subject, address: options.address };
  node.meters.room(who, known, channels.length);
  if (!known) {
    if (channels.length === 0 && !options.bare) {
      throw new PushError("invalid_request", "No channel is named.");
    }
    await admit(node, { id, identity, channels });
  }
  let start: Start | undefined;
  let epoch: string;
  do {
    epoch = node.epoch;
    if (past) await past.read();
    else if (since !== undefined) start = await locate(since, node, backplane);
    // Last, as nobody is told for long of what is not followed.
    if (options.watch) await node.peers?.watch(channels);
  } while (node.epoch !== epoch || past?.missing);
  if (start?.epoch === node.epoch) {
    node.counts.resumes.observe(Math.max(0, node.applied - start.seq));
  }
  // From here on nothing waits. Meanwhile the same key may have come twice, and who
  // comes may have been sent away.
  node.now = node.settings.clock.now();
  checkIdentity(node, identity, times);
  known = find(node, id, identity);
  node.meters.room(who, known, channels.length);
  if (!known) checkRoom(node);
  const connection = known ?? new Connection(node, id, key, identity);
  connection.identity = identity;
  const returns = known && !known.sink;
  connection.detach();
  if (!known) {
    // It may have had private messages in a former life, here or elsewhere;
    // a fresh key had none, so whatever it resumes from, none is missing.
    connection.born = options.key === undefined ? 0 : node.logs.privateFloor;
    node.connections.set(id, connection);
    node.meters.enter(connection, options.address);
    // Who may follow nothing is not told what all are told.
    if (channels.length > 0) node.follow(connection, node.logs.all, true);
    const own = node.logs.get(privateLog(id));
    if (own) node.follow(connection, own, true);
  }
  place(node, connection, options, channels, start);
  past?.release();
  if (start && options.key !== undefined) node.claim(connection);
  // A listener may have dropped it: then there is nothing to tell.
  if (!known && !connection.ended) node.events.emit("connect", connection);
  if (known && returns) node.events.emit("return", known);
  // Parked in the same step: another with the key may place it elsewhere.
  return await park(connection);
}

function find(
  node: Node,
  id: string,
  identity: Identity | undefined,
): Connection | undefined {
  const known = node.connections.get(id);
  const owner = known
    ? { subject: known.identity?.subject }
    : node.peers?.find(id);
  if (owner && owner.subject !== identity?.subject) {
    throw new PushError("forbidden", "This is not your connection.");
  }
  return known;
}

async function admit(
  node: Node,
  candidate: { id: string; identity: Identity | undefined; channels: string[] },
): Promise<void> {
  if (!await node.events.admit(candidate)) {
    throw new PushError("forbidden", "The server refused this connection.");
  }
  checkRoom(node);
}

function place(
  node: Node,
  connection: Connection,
  { since, watch }: ConnectOptions,
  channels: string[],
  start: Start | undefined,
): void {
  // What is not named goes on where it stood; for a newcomer, at the present.
  const stood = connection.epoch === node.epoch ? connection.cursor : 0;
  if (since === EARLIEST) connection.resume(node.epoch, 0);
  else if (start) connection.resume(start.epoch, start.seq, start.early);
  else connection.rewind();
  if (channels.length > 0) {
    hearAll(node, connection);
    const watched = watch ? channels.map(presenceLog) : [];
    const names = [...channels, ...watched];
    follow(node, connection, names, since !== undefined);
  }
  if (since !== EARLIEST) return;
  // All that is held of the named channels, without a `reset`.
  for (const log of connection.logs) {
    const named = channels.includes(log.name);
    connection.beginAt(log, named ? log.floor : stood);
  }
}

function follow(
  node: Node,
  connection: Connection,
  names: string[],
  fromSent: boolean,
): void {
  const wanted = new Set(names);
  const unwanted = connection.logs.filter((log) =>
    log !== node.logs.all && log.name !== privateLog(connection.id) &&
    !wanted.delete(log.name)
  );
  begin(node, connection, wanted, fromSent);
  // Only now: who changes names has not been absent in between.
  for (const log of unwanted) node.unfollow(connection, log);
}

/** Who may follow something hears what is sent to all: from now on. */
function hearAll(node: Node, connection: Connection): void {
  const { all } = node.logs;
  if (connection.logs.includes(all)) return;
  node.follow(connection, all, true);
  connection.beginAt(all, node.applied);
}

function begin(
  node: Node,
  connection: Connection,
  names: Iterable<string>,
  fromSent: boolean,
): void {
  for (const name of names) {
    // A listener may have dropped it.
    if (connection.ended) return;
    const own = name.startsWith("$");
    const log = node.logs.open(name, own ? node.applied : undefined);
    node.follow(connection, log, fromSent);
    if (connection.ended) return;
    // What nobody watched was never published: the backplane lacks it too.
    if (own) log.lost = Math.max(log.lost, log.floor);
    else node.events.emit("subscribe", connection, name);
  }
}

/**
 * Makes a connection follow more channels and patterns, from the present on. A
 * refusal is a `PushError`, and changes nothing.
 */
export function subscribe(
  node: Node,
  connection: Connection,
  names: readonly string[],
): void {
  const all = new Set([...connection.channels, ...names]);
  checkChannels(node, all);
  node.meters.room({}, connection, all.size);
  for (const name of connection.channels) all.delete(name);
  if (all.size > 0) hearAll(node, connection);
  begin(node, connection, all, false);
}

/** Makes a connection follow some channels and patterns no more. */
export function unsubscribe(
  node: Node,
  connection: Connection,
  names: readonly string[],
): void {
  for (const log of [...connection.logs]) {
    const named = !log.name.startsWith("$") && names.includes(log.name);
    if (named) node.unfollow(connection, log);
  }
}
