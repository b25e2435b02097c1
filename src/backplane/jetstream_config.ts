/**
 * How a stream is made that keeps an order, and which order one keeps.
 * @module
 */
import { placeOf } from "./jetstream_message.ts";

/** How a stream is made. */
export interface StreamOptions {
  readonly stream: string;
  readonly storage: "file" | "memory";
  readonly replicas: number;
  /** Messages of each log, and their age in ms. */
  readonly frames: number;
  readonly age: number;
  /** Bytes in all. */
  readonly size: number;
  /** How long a key is remembered, in ms. */
  readonly keyAge: number;
}

/** What JetStream says of a stream. */
export interface Info {
  readonly config: {
    readonly subjects: string[];
    readonly max_msgs_per_subject: number;
  };
  readonly state: {
    readonly first_seq: number;
    readonly last_seq: number;
    readonly subjects?: Record<string, number>;
  };
}

const NS = 1_000_000;

/** What JetStream is asked for. */
export function configOf(
  { stream, storage, replicas, frames, age, size, keyAge }: StreamOptions,
  subjects: readonly string[],
): object {
  return {
    name: stream,
    subjects,
    retention: "limits",
    discard: "old",
    storage,
    num_replicas: replicas,
    max_consumers: -1,
    max_msgs: -1,
    max_bytes: size,
    max_age: age * NS,
    max_msgs_per_subject: frames + 1,
    duplicate_window: keyAge * NS,
  };
}

/** The epoch of what a stream takes; throws if it is not one of a backplane's. */
export function epochOf(stream: string, { config }: Info): string {
  const [subject = "", ...others] = config.subjects;
  const epoch = placeOf(stream, subject)?.epoch;
  if (epoch && others.length === 0) return epoch;
  throw new Error(
    `The stream ${stream} takes ${config.subjects}: it was not made by a ` +
      "backplane. Delete it, or choose another name.",
  );
}
