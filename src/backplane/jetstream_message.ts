/**
 * A message as it lies in a stream. Its subject is `STREAM.EPOCH.LOG`; its content is
 * a line of JSON (`t`: the time in µs; `c`: the channel, unless it is named like the
 * log; `f` and `m`: `from` and `meta`), then the data.
 * @module
 */
import type { Draft } from "../backplane.ts";
import { Frame } from "../frame.ts";
import type { Stored } from "./jetstream_api.ts";

/** What stands before the data of a message. */
interface Head {
  readonly t: number;
  readonly c?: string;
  readonly f?: string;
  readonly m?: string;
}

const decoder = new TextDecoder();

/** The subject of all logs of an order, or of one of them. */
export function subjectOf(stream: string, epoch: string, log?: string): string {
  return `${stream}.${epoch}.${log === undefined ? ">" : encodeLog(log)}`;
}

/** Where the last message of an order lies, which names the next: in no log. */
export function nextOf(stream: string, epoch: string): string {
  return `${stream}.${epoch}.next.epoch`;
}

/** Which order, and which log, a subject is about, if it is one of a backplane's. */
export function placeOf(
  stream: string,
  subject: string,
): { epoch: string; log: string } | undefined {
  const [name, epoch, log, ...rest] = subject.split(".");
  if (name !== stream || !epoch || !log || rest.length > 0) return undefined;
  try {
    return { epoch, log: decodeURIComponent(log) };
  } catch {
    return undefined;
  }
}

/** What is stored of a message at `time`, in µs. */
export function contentOf(draft: Draft, time: number): string {
  const { log, channel, data, from, meta } = draft;
  const head: Head = {
    t: time,
    ...(channel === log ? {} : { c: channel }),
    ...(from === undefined ? {} : { f: from }),
    ...(meta === undefined ? {} : { m: meta }),
  };
  return `${JSON.stringify(head)}\n${data}`;
}

/** The message that is stored; nothing, if it is not one of a backplane's. */
export function frameOf(stream: string, stored: Stored): Frame | undefined {
  const place = placeOf(stream, stored.subject);
  const text = decoder.decode(stored.data);
  const end = text.indexOf("\n");
  const head = place && headOf(text.slice(0, end));
  if (!head) return undefined;
  return new Frame({
    log: place.log,
    channel: head.c ?? place.log,
    epoch: place.epoch,
    seq: stored.seq,
    time: head.t / 1_000,
    data: text.slice(end + 1),
    from: head.f,
    meta: head.m,
  });
}

function headOf(text: string): Head | undefined {
  try {
    const head = JSON.parse(text);
    return typeof head.t === "number" ? head : undefined;
  } catch {
    return undefined;
  }
}

/** A log's name as one token of a subject: ASCII without `.`, `*`, `>` and spaces. */
function encodeLog(log: string): string {
  return encodeURIComponent(log).replaceAll(".", "%2E").replaceAll("*", "%2A");
}
