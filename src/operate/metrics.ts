/**
 * What operators read: one table of instruments, as a Prometheus endpoint. No label
 * has a channel's or a connection's name for its value: there are few of each.
 * @module
 */
import type { Histogram } from "./counts.ts";
import type { Engine } from "../engine.ts";

/** What an instrument has measured: one number, one for each label, or ranges. */
export type Measured = number | Iterable<readonly [string, number]> | Histogram;

/** Something that is measured. */
export interface Instrument {
  /** Its name as OpenTelemetry has it. */
  readonly name: string;
  /** A `counter` only rises; a `gauge` goes up and down. */
  readonly kind: "counter" | "gauge" | "histogram";
  /** `s`, `By` (bytes), or in braces what is counted, as UCUM has it. */
  readonly unit: string;
  /** One line for people. */
  readonly help: string;
  /** What its numbers are told apart by, if there are several. */
  readonly label?: string;
  /** Reads it. */
  readonly read: (engine: Engine) => Measured;
}

/** Everything that is measured. */
export const instruments: readonly Instrument[] = [
  {
    name: "halley.connections",
    kind: "gauge",
    unit: "{connection}",
    help: "Connections, by the transport they are parked on, or away.",
    label: "transport",
    read: parked,
  },
  {
    name: "halley.opens",
    kind: "counter",
    unit: "{response}",
    help: "Responses that connections were parked on; each long-poll is one.",
    label: "transport",
    read: ({ node }) => node.counts.opens,
  },
  {
    name: "halley.drops",
    kind: "counter",
    unit: "{connection}",
    help: "Connections that are gone for good.",
    label: "reason",
    read: ({ node }) => node.counts.drops,
  },
  {
    name: "halley.refusals",
    kind: "counter",
    unit: "{request}",
    help: "Requests that were refused.",
    label: "code",
    read: ({ node }) => node.counts.refusals,
  },
  {
    name: "halley.limited",
    kind: "counter",
    unit: "{request}",
    help: "Requests that a quota has refused.",
    label: "limit",
    read: ({ node }) => node.meters.refused,
  },
  {
    name: "halley.messages",
    kind: "counter",
    unit: "{message}",
    help: "Messages that have taken their place in the order.",
    read: ({ node }) => node.counts.messages,
  },
  {
    name: "halley.deliveries",
    kind: "counter",
    unit: "{message}",
    help: "Messages handed to clients; one to ten clients counts ten times.",
    read: ({ node }) => node.counts.deliveries,
  },
  {
    name: "halley.sent",
    kind: "counter",
    unit: "By",
    help: "Bytes written to clients, without HTTP headers and framing.",
    read: ({ node }) => node.counts.bytes,
  },
  {
    name: "halley.resets",
    kind: "counter",
    unit: "{reset}",
    help: "Times a client was told that messages are missing.",
    read: ({ node }) => node.counts.resets,
  },
  {
    name: "halley.resume.distance",
    kind: "histogram",
    unit: "{message}",
    help: "Messages of the order between the id of a client that came back " +
      "and the present.",
    read: ({ node }) => node.counts.resumes,
  },
  {
    name: "halley.lagging",
    kind: "gauge",
    unit: "{response}",
    help: "Open streams that had no room when they were looked at last.",
    read: ({ node }) => node.counts.behind,
  },
  {
    name: "halley.slow",
    kind: "counter",
    unit: "{response}",
    help: "Streams ended because nobody read them for the write timeout.",
    read: ({ node }) => node.counts.slow,
  },
  {
    name: "halley.stalled",
    kind: "gauge",
    unit: "{response}",
    help: "Ended streams that are not read, and whose sockets are still there.",
    read: ({ node }) => node.stalled,
  },
  {
    name: "halley.publish.latency",
    kind: "histogram",
    unit: "s",
    help: "From a publish to the write to the last of its readers.",
    read: ({ node }) => node.counts.latency,
  },
  {
    name: "halley.loop.lag",
    kind: "histogram",
    unit: "s",
    help: "How late the engine's timer rang: the event loop was busy.",
    read: ({ node }) => node.counts.loopLag,
  },
  {
    name: "halley.logs",
    kind: "gauge",
    unit: "{log}",
    help: "Logs held: channels, patterns, and those of single connections.",
    read: ({ node }) => node.logs.size,
  },
  {
    name: "halley.logs.memory",
    kind: "gauge",
    unit: "By",
    help: "About what all logs take of the memory.",
    read: ({ node }) => node.logs.memory,
  },
  {
    name: "halley.backplane.up",
    kind: "gauge",
    unit: "{backplane}",
    help: "1 if the backplane answered just now, else 0.",
    read: ({ node }) => node.health.reachable ? 1 : 0,
  },
  {
    name: "halley.backplane.behind",
    kind: "gauge",
    unit: "{message}",
    help: "Messages of the backplane's order that had not come here yet.",
    read: ({ node }) => node.health.behind,
  },
  {
    name: "halley.draining",
    kind: "gauge",
    unit: "{engine}",
    help: "1 while the engine is being closed, else 0.",
    read: ({ node }) => node.drain ? 1 : 0,
  },
];

/** Counted when it is asked for: nothing is kept for it. */
function parked({ connections }: Engine): Map<string, number> {
  const numbers = new Map([["sse", 0], ["stream", 0], ["poll", 0], [
    "away",
    0,
  ]]);
  for (const { transport = "away" } of connections.values()) {
    numbers.set(transport, (numbers.get(transport) ?? 0) + 1);
  }
  return numbers;
}
