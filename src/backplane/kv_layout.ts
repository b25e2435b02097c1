/**
 * Where `denoKv()` keeps what: a head with the newest `seq`, messages under their
 * `seq`, and for each log which of them are its own.
 * @module
 */
import type { Draft } from "../backplane.ts";
import { Buffer, createHash } from "../deps.ts";
import { Frame } from "../frame.ts";
import type { Position } from "../position.ts";
import type { KvEntry, KvKey } from "./kv_shape.ts";

/** The one value that every commit checks and sets. */
export interface Head extends Position {
  /** Of the newest message. */
  readonly time: number;
  /** Up to here every message was dropped, for its age or for room. */
  readonly floor: number;
  /** What all messages take. */
  readonly bytes: number;
  /** Not later than the time of the oldest message. */
  readonly oldest: number;
}

/** A head, and what says which of two is newer. */
export interface Version extends KvEntry {
  readonly value: Head;
  readonly versionstamp: string;
}

/** What is known of a log, as long as it holds a message. */
export interface LogRow {
  top: number;
  floor: number;
  frames: number;
  bytes: number;
}

/** A key that was used. */
export interface Known {
  readonly seq: number;
  readonly time: number;
  readonly digest: string;
}

/** What lies beside each message of a log: its size, and in how many parts. */
export type Index = readonly [size: number, parts: number];

/** The keys; all but the head's begin with their epoch. */
export class Keys {
  readonly head: KvKey;
  readonly #prefix: KvKey;

  constructor(prefix: KvKey) {
    this.#prefix = prefix;
    this.head = [...prefix, "head"];
  }

  /** A message, or a part of it, or the first that there can be. */
  message(epoch: string, ...place: number[]): KvKey {
    return [...this.#prefix, epoch, "message", ...place];
  }

  /** A message of a log, or all of them. */
  index(epoch: string, log: string, ...seq: number[]): KvKey {
    return [...this.#prefix, epoch, "index", log, ...seq];
  }

  /** A log, or all of them. */
  log(epoch: string, ...log: string[]): KvKey {
    return [...this.#prefix, epoch, "log", ...log];
  }

  /** An idempotency key, whatever its length. */
  known(epoch: string, { log, key }: Draft): KvKey {
    const hash = createHash("sha256").update(`${log}\n${key}`).digest("base64");
    return [...this.#prefix, epoch, "key", hash];
  }
}

/** More than this does not go into one value beside its channel. */
const INLINE = 16_000;
/** How a longer text is cut, in bytes. */
const PART = 60_000;

/** The largest message, in bytes: it goes into one commit. */
export const LARGEST = 600_000;

/** A message as it lies in the database. */
export interface Stored {
  readonly log: string;
  readonly channel: string;
  readonly time: number;
  readonly size: number;
  readonly from?: string | undefined;
  readonly meta?: string | undefined;
  /** Missing if it lies in parts. */
  readonly data?: string;
  /** How many parts follow, each under the next number. */
  readonly parts: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** About what a message takes, in bytes; its text in parts, if it is too long. */
export function cut(
  { log, channel, from, data, meta }: Draft,
): { size: number; parts: Uint8Array[] } {
  const length = data.length + (meta?.length ?? 0);
  const rest = log.length + channel.length + (from?.length ?? 0);
  // Text takes two bytes a character wherever one of them is beyond Latin-1.
  if (length <= INLINE) return { size: 2 * (length + rest) + 200, parts: [] };
  // No line break occurs in JSON text that is data.
  const bytes = encoder.encode(`${data}\n${meta ?? ""}`);
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += PART) {
    parts.push(bytes.slice(at, at + PART));
  }
  return { size: bytes.length, parts };
}

/** The same text again. */
export function joined(
  parts: readonly Uint8Array[],
): { data: string; meta: string | undefined } {
  const text = decoder.decode(Buffer.concat([...parts]));
  const end = text.indexOf("\n");
  return { data: text.slice(0, end), meta: text.slice(end + 1) || undefined };
}

/** A message as it was published. */
export function frameOf(
  position: Position,
  stored: Stored,
  parts: readonly Uint8Array[],
): Frame {
  const { size: _, parts: __, ...rest } = stored;
  const text = parts.length > 0 ? joined(parts) : { data: rest.data! };
  return new Frame({ ...rest, ...position, ...text });
}
