/**
 * The client's side of a connection without HTTP: a sink that keeps what it is
 * given, as far as it has room; and frames to be given.
 * @module
 */
import type { Connection } from "../src/connection.ts";
import type { Sink } from "../src/sink.ts";
import type { Code } from "../src/errors.ts";
import { Chunk, type Control, Frame, type FrameInit } from "../src/frame.ts";

/** The frame `seq` of log `a`, unless `init` says otherwise. */
export function frameOf(seq: number, init: Partial<FrameInit> = {}): Frame {
  const log = init.log ?? "a";
  const data = String(seq);
  return new Frame({
    log,
    channel: log,
    epoch: "e1",
    seq,
    time: seq,
    data,
    ...init,
  });
}

/** The `seq` of each frame. */
export function seqs(frames: Iterable<Frame>): number[] {
  return [...frames].map(({ seq }) => seq);
}

/** Parks a connection on a sink that keeps what it is given. */
export class Recorder implements Sink {
  readonly transport = "stream";
  readonly written: (Chunk | Control)[] = [];
  closed: [Code, number | undefined] | undefined;

  /** `room` is how many writes it takes. */
  constructor(readonly connection: Connection, public room = Infinity) {
    connection.park(this);
    this.flush();
  }

  flush(): void {
    while (this.room > 0) {
      const next = this.connection.next();
      if (!next) return;
      this.room--;
      this.written.push(next);
    }
  }

  sweep(): void {
    this.flush();
  }

  close(code: Code, after?: number): void {
    this.closed = [code, after];
    this.room = 0;
  }

  /** Room for more, as when its client has read. */
  make(room: number): void {
    this.room = room;
    this.flush();
  }

  /** What it got: the `seq` of messages, the name of resets (`*` for all). */
  get got(): (number | string)[] {
    return this.written.flatMap((piece): (number | string)[] => {
      if (piece instanceof Chunk) return seqs(piece.frames);
      const { data } = piece;
      return data.type === "reset" ? [data.channel ?? "*"] : [];
    });
  }
}
