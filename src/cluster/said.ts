/**
 * What one node tells the others, as it is written in the log `$nodes`. Whatever else
 * writes there is no node, and is not listened to.
 * @module
 */
import { v } from "../deps.ts";
import type { DropReason } from "../errors.ts";

const Flag = v.exactOptional(v.literal(true));
const Names = v.array(v.string());
const Some = v.exactOptional(Names);

const Parked = v.picklist([0, "poll", "stream"]);
/** Whether, and on what, a connection is parked. */
export type Parked = v.InferOutput<typeof Parked>;

/** A connection: its id, which of the lists it follows, and the state it is in. */
export type Joined = [
  id: string,
  list: number,
  parked: Parked,
  /** How long it had been parked, or away, in ms. */
  ago: number,
  subject?: string,
];
/** A string, unless a policy in JavaScript has given something else. */
const Subject = v.custom<string>((subject) => subject !== null);
const known = [v.string(), v.number(), Parked, v.number()] as const;
const Joined: v.GenericSchema<unknown, Joined> = v.union([
  v.tuple([...known, Subject]),
  v.tuple(known),
]);

const reasons: readonly DropReason[] = [
  "left",
  "expired",
  "slow",
  "kicked",
  "replaced",
  "shutdown",
];

const DropOrder = v.object({
  id: v.exactOptional(v.string()),
  subject: v.exactOptional(v.string()),
  reason: v.picklist(reasons),
  /** When the client may come back, in ms. */
  after: v.optional(v.number()),
  /** When it was given, in ms since 1970, if it is repeated for those who missed it. */
  given: v.exactOptional(v.number()),
});
/** An order to end a connection, or all of a subject, wherever they are. */
export type DropOrder = v.InferOutput<typeof DropOrder>;

/** All but the first three only where there is something. */
const Said = v.object({
  /** Who speaks. */
  node: v.string(),
  /** The number of the message, from 1: a repeat has the same. */
  number: v.number(),
  /** When it was written, by the speaker's clock, in ms since 1970. */
  time: v.number(),
  /** Five seconds have gone by. */
  beat: Flag,
  /** It does not know all: everybody is to tell all. */
  hello: Flag,
  /** It goes; its clients are on their way to others. */
  bye: Flag,
  /** From here on it tells all: what it does not name is not there. */
  first: Flag,
  /** With `first`: the nodes that it knows to be there, silent or not. */
  nodes: Some,
  /** That was all. */
  last: Flag,
  /** What `joined` refers to: names and patterns. */
  lists: v.exactOptional(v.array(v.pipe(Names, v.readonly()))),
  /** Connections that are new, or follow other names. */
  joined: v.exactOptional(v.array(Joined)),
  /** Connections that it has no more. */
  left: Some,
  /** Channels of which somebody here wants to see joins and leaves. */
  watch: Some,
  /** Channels of which nobody here wants to any more. */
  unwatch: Some,
  /** Nodes that have not been heard for too long. */
  gone: Some,
  /** Everybody is to say what has not been said yet, and answer. */
  ask: Flag,
  /** To whom all has been said as asked in the message of this number. */
  answers: v.exactOptional(v.array(v.tuple([v.string(), v.number()]))),
  /** What is to be ended. */
  drop: v.exactOptional(v.array(DropOrder)),
});
/** What a message says. */
export type Said = v.InferOutput<typeof Said>;

const Text = v.pipe(
  v.string(),
  v.parseJson(),
  Said,
  v.check(
    ({ lists = [], joined = [] }) => joined.every(([, list]) => lists[list]),
    "It names a list that is not there.",
  ),
);

/** What a node says in a message; throws if no node has written it. */
export function saidIn(text: string): Said {
  const { success, output, issues } = v.safeParse(Text, text);
  if (success) return output;
  throw new Error(`A message in $nodes is of no node: ${issues[0].message}`);
}
