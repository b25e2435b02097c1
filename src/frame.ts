/**
 * What is written to a client, encoded at most once per format, whoever
 * receives it: a `Frame` is one message at its place in the order, a `Chunk`
 * several of them, a `Control` what the server itself has to say.
 * @module
 */
import { Buffer } from "./deps.ts";
import type { Code } from "./errors.ts";
import { watchedChannel } from "./name.ts";
import { formatId } from "./position.ts";

/** How frames become text; a constant, compared by identity. */
export interface Format {
  /** The media type of a response in this format. */
  readonly type: string;
  /** A message as text. */
  message(frame: Frame): string;
  /** A control frame as text. */
  control(data: ControlData): string;
}

/** What the server says about the stream itself (PROTOCOL N4). */
export type ControlData =
  | Open
  | { type: "reset"; channel?: string; id?: string }
  | { type: "heartbeat"; id?: string }
  | { type: "close"; code: Code; retry: boolean; after?: number };

/** The first frame of every stream (PROTOCOL N4). */
export interface Open {
  /** Always `open`. */
  type: "open";
  /** The public id of the connection. */
  connection: string;
  /** Its secret: whoever has it may reclaim the connection, or end it. */
  key: string;
  /** Where this stream starts, if that can be named. */
  id?: string;
  /** The longest silence to expect, in ms. */
  heartbeat: number;
}

interface Memo {
  readonly format: Format;
  readonly bytes: Uint8Array;
  readonly next: Memo | undefined;
}

const encoder = new TextEncoder();

/** Bytes that are made on demand and kept, one copy per format. */
export abstract class Encoded {
  #memo: Memo | undefined;

  /** The bytes in `format`; the same array every time, never to be changed. */
  bytes(format: Format): Uint8Array {
    for (let memo = this.#memo; memo; memo = memo.next) {
      if (memo.format === format) return memo.bytes;
    }
    const bytes = this.encode(format);
    this.#memo = { format, bytes, next: this.#memo };
    return bytes;
  }

  /** Makes the bytes. */
  protected abstract encode(format: Format): Uint8Array;
}

/** What a frame is made of. */
export interface FrameInit {
  /** Where it lies: a channel, `$all`, or `$` and a connection's id. */
  readonly log: string;
  /** What it is about. */
  readonly channel: string;
  /** The order it belongs to. */
  readonly epoch: string;
  /** Its place in that order. */
  readonly seq: number;
  /** When it was published, in ms since 1970; rises strictly with `seq`. */
  readonly time: number;
  /** The data as JSON text, in which no line break occurs. */
  readonly data: string;
  /** The id of the publishing connection, if one published it. */
  readonly from?: string | undefined;
  /** JSON text that a protocol needs back. */
  readonly meta?: string | undefined;
}

/** A message at its place in the order. */
export class Frame extends Encoded implements FrameInit {
  readonly log: string;
  readonly channel: string;
  readonly epoch: string;
  readonly seq: number;
  readonly time: number;
  readonly data: string;
  readonly from: string | undefined;
  readonly meta: string | undefined;
  /** What it takes up in a log, in bytes: its text, and about what it costs. */
  readonly size: number;

  /** Puts a message at its place. */
  constructor(init: FrameInit) {
    super();
    this.log = init.log;
    this.channel = init.channel;
    this.epoch = init.epoch;
    this.seq = init.seq;
    this.time = init.time;
    this.data = init.data;
    this.from = init.from;
    this.meta = init.meta;
    this.size = Buffer.byteLength(init.data) + init.channel.length + 64;
  }

  /** The same message at another time. */
  at(time: number): Frame {
    return new Frame({ ...(this as FrameInit), time });
  }

  /** `message`, or what a log of joins and leaves tells (PROTOCOL N11). */
  get kind(): "message" | "join" | "leave" {
    if (watchedChannel(this.log) === undefined) return "message";
    return this.meta === "leave" ? "leave" : "join";
  }

  /** Its id on the wire. */
  get id(): string {
    return formatId(this.epoch, this.seq);
  }

  /** Makes the bytes. */
  protected override encode(format: Format): Uint8Array {
    return encoder.encode(format.message(this));
  }
}

/** Frames that follow each other in a client's order, written as one. */
export class Chunk extends Encoded {
  #json: string | undefined;

  /** Takes at least one frame. */
  constructor(readonly frames: readonly Frame[]) {
    super();
  }

  /** The `seq` of its last frame. */
  get last(): number {
    return this.frames[this.frames.length - 1]!.seq;
  }

  /** The messages as the inside of a JSON array, for a long-poll (N5). */
  get json(): string {
    return this.#json ??= this.frames.map(messageJson).join(",");
  }

  /** Makes the bytes. */
  protected override encode(format: Format): Uint8Array {
    if (this.frames.length === 1) return this.frames[0]!.bytes(format);
    const parts = this.frames.map((frame) => frame.bytes(format));
    const whole = new Uint8Array(
      parts.reduce((length, part) => length + part.length, 0),
    );
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }
}

/** A control frame; one that says the same to many is shared by them. */
export class Control extends Encoded {
  /** Says what `data` says. */
  constructor(readonly data: ControlData) {
    super();
  }

  /** Makes the bytes. */
  protected override encode(format: Format): Uint8Array {
    return encoder.encode(format.control(this.data));
  }
}

/** A frame as JSON: `data` is spliced in, not parsed again. */
export function messageJson(frame: Frame): string {
  const { kind, id, data } = frame;
  const channel = JSON.stringify(frame.channel);
  return `{"type":"${kind}","channel":${channel},"id":"${id}","data":${data}}`;
}

/** Newline-delimited JSON: one frame a line. */
export const ndjson: Format = {
  type: "application/x-ndjson",
  message: (frame) => `${messageJson(frame)}\n`,
  control: (data) => `${JSON.stringify(data)}\n`,
};

/**
 * Server-Sent Events. Messages have no `event:`, so that `onmessage` sees
 * every one; an id on a control frame is what a browser resumes from.
 */
export const sse: Format = {
  type: "text/event-stream; charset=utf-8",
  message(frame) {
    const event = frame.kind === "message" ? "" : "event: control\n";
    return `${event}id: ${frame.id}\ndata: ${messageJson(frame)}\n\n`;
  },
  control(data) {
    let lines = "event: control\n";
    if ("id" in data && data.id) lines += `id: ${data.id}\n`;
    if (data.type === "open") lines += `retry: ${reconnectDelay()}\n`;
    if (data.type === "close" && data.retry) {
      lines += `retry: ${data.after ?? reconnectDelay()}\n`;
    }
    return `${lines}data: ${JSON.stringify(data)}\n\n`;
  },
};

/** When a bare `EventSource` comes back, in ms: spread over two seconds. */
export function reconnectDelay(): number {
  return 1_000 + Math.floor(Math.random() * 2_000);
}
