/**
 * Faults that the property test must find, as changes to the code.
 * @module
 */

/** A change to a file. */
export interface Change {
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** A change, and what it breaks. */
export interface Fault extends Change {
  readonly breaks: string;
  /** What else has to change for it. */
  readonly with?: Change[];
}

/** Passes over followers take many turns, as they do with many followers. */
export const slices: Change = {
  file: "flush.ts",
  from: "SLICE = 1_000",
  to: "SLICE = 1",
};

export const faults: Fault[] = [
  {
    breaks: "O1: a hole in the feed is skipped",
    file: "feed.ts",
    from: "if (frame.seq === this.applied + 1) return",
    to: "if (frame.seq > this.applied) return",
  },
  {
    breaks: "O1: a repeat in the feed is taken again",
    file: "feed.ts",
    from: "if (frame.seq <= this.applied) return;",
    to: "if (frame.seq <= this.applied) return this.#take(frame);",
  },
  {
    breaks: "O2, O8: a heartbeat names the present to those who lag",
    file: "connection.ts",
    from: "if (log.top > after || log.floor > after) return false;",
    to: "",
  },
  {
    breaks: "O3: a cursor above applied is taken for a lost order",
    file: "resume.ts",
    from: "at.epoch === top.epoch && at.seq <= top.seq",
    to: "at.epoch === top.epoch && at.seq <= node.applied",
  },
  {
    breaks: "O3: an epoch this node has not reached yet is taken for its own",
    file: "resume.ts",
    from: "return { ...at, early: at.epoch !== node.epoch };",
    to: "return { ...at, early: false };",
  },
  {
    breaks: "O4: a log that is dropped whole leaves no floor",
    file: "logs.ts",
    from: "this.#floors.set(log.name, floor);",
    to: "",
  },
  {
    breaks: "O4: private messages that are not kept raise no floor",
    file: "logs.ts",
    from: "this.privateFloor = Math.max(this.privateFloor, floor);",
    to: "",
  },
  {
    breaks: "O4: a new pattern forgets what its channels have dropped",
    file: "logs.ts",
    from: "if (log.floor > floor) floor = log.floor;",
    to: "",
  },
  {
    breaks: "O5: a connection is served while one of its logs is being read",
    file: "connection.ts",
    from: "    if (this.reading > 0) return undefined;\n    if (cut)",
    to: "    if (cut)",
  },
  {
    breaks: "O5: a read that a loss overtook counts as complete",
    file: "recovery.ts",
    from: "this.#host.epoch !== epoch || log.floor !== upTo",
    to: "this.#host.epoch !== epoch",
  },
  {
    breaks: "O6: a new epoch is not told",
    file: "connection.ts",
    from: "return host.reset();",
    to: "",
  },
  {
    breaks: "O7: a log that was cut is not told",
    file: "connection.ts",
    from: "return host.reset(cut.name);",
    to: "",
  },
  {
    breaks: "N5: a poll's id lies before what its reset covers",
    file: "transport/poll.ts",
    from: "size < CHUNK_BYTES || connection.cut",
    to: "size < 1",
  },
  {
    breaks: "decision 2: overflowing within a turn flushes nobody",
    file: "node.ts",
    from: "this.#flush.now(log);",
    to: "log.passed = this.applied; this.logs.trim(log, this.now);",
  },
  {
    breaks: "decision 5: a log is unmarked after its pass",
    file: "flush.ts",
    from: "log.dirty = false;",
    to: "",
    with: [slices, {
      file: "flush.ts",
      from: "this.#host.passed(log, since);",
      to: "log.dirty = false; this.#host.passed(log, since);",
    }],
  },
  {
    breaks: "decision 5: a chunk that was cut counts for all that is new",
    file: "connection.ts",
    from: "this.#advance(chunk.last);",
    to: "this.#advance(host.applied);",
  },
  {
    breaks: "patterns: a message in two logs of a connection comes twice",
    file: "log.ts",
    from:
      "if (heads[i]?.seq === next.seq) heads[i] = sources[i]!.next().value;",
    to:
      "if (heads[i] === next) { heads[i] = sources[i]!.next().value; break; }",
  },
  {
    breaks: "nodes: who asks does not wait for the answers",
    file: "cluster/questions.ts",
    from: "if (this.#pending && this.#pending.size > 0) return;",
    to: "",
  },
  {
    breaks:
      "nodes: what was on its way as the order was lost is not told again",
    file: "cluster/speaker.ts",
    from: "    this.tellAll();\n    this.#sure = false;\n",
    to: "    this.#sure = false;\n",
  },
  {
    breaks: "nodes: a dead node's connections stay",
    file: "cluster/roster.ts",
    from: "for (const node of others) node.missed++;",
    to: "",
  },
  {
    breaks: "nodes: joins and leaves that a dead node owes are told by nobody",
    file: "cluster/announcer.ts",
    from: "if (owed.since > end) continue;",
    to: "if (owed.by !== NOBODY || owed.since > end) continue;",
  },
  {
    breaks: "nodes: what was told last stays, though it is not true",
    file: "cluster/announcer.ts",
    from: "this.#owe(NOBODY, frame, { log, channel, data, time, meta });",
    to: "",
  },
  {
    breaks: "nodes: orders to drop are lost with the order of messages",
    file: "cluster/speaker.ts",
    from: "    this.orders.again();\n",
    to: "",
  },
  {
    breaks: "nodes: what could not be told is not told again",
    file: "cluster/speaker.ts",
    from: "if (this.#sending?.failed) void this.#send();",
    to: "if (this.#sending?.failed) this.#sending = undefined;",
  },
  {
    breaks: "nodes: what is read at the start forgets private messages",
    file: "node.ts",
    from: "      return [this.logs.open(frame.log, this.logs.privateFloor)];\n",
    to: "      return [];\n",
  },
];
