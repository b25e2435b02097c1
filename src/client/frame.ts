/**
 * What comes from the server, whatever the transport (PROTOCOL N3, N4).
 * @module
 */
import type { Code } from "../errors.ts";

/** A message as it came. */
export interface Message<Data = unknown> {
  /** The channel it was published to; never a pattern. */
  readonly channel: string;
  /** Its place in the order: `since` this one means all that comes after it. */
  readonly id: string;
  /** What was published. */
  readonly data: Data;
}

/** A message, or what the server says about the stream itself. */
export type Frame =
  | { type: "message" } & Message
  | Open
  | {
    type: "reset";
    channel?: string | undefined;
    id?: string | undefined;
  }
  | { type: "heartbeat"; id?: string | undefined }
  | {
    type: "close";
    code: Code;
    retry: boolean;
    after?: number;
  };

/** The first frame of every stream. */
export interface Open {
  readonly type: "open";
  /** The public id of the connection. */
  readonly connection: string;
  /** Its secret. */
  readonly key: string;
  /** Where this stream starts, if that can be named. */
  readonly id?: string;
  /** The longest silence to expect, in ms. */
  readonly heartbeat: number;
}
