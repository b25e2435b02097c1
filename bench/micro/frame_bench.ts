/**
 * What encoding a message costs: once per message and format, whoever gets it.
 * @module
 */
import { Chunk, Frame, ndjson, sse } from "../../src/frame.ts";

const DATA = JSON.stringify("x".repeat(100));

let seq = 0;

function frame(): Frame {
  const [log, epoch] = ["bench", "0123456789"];
  return new Frame({
    log,
    channel: log,
    epoch,
    seq: ++seq,
    time: seq,
    data: DATA,
  });
}

Deno.bench("encode: a message for SSE", { group: "encode" }, () => {
  frame().bytes(sse);
});

Deno.bench(
  "encode: a message for a stream of lines",
  { group: "encode" },
  () => {
    frame().bytes(ndjson);
  },
);

const known = frame();
Deno.bench(
  "encode: a message that has been encoded",
  { group: "encode" },
  () => {
    known.bytes(sse);
  },
);

const twenty = Array.from({ length: 20 }, frame);
Deno.bench("encode: 20 messages as one chunk", { group: "encode" }, () => {
  new Chunk(twenty).bytes(sse);
});

Deno.bench("encode: 20 messages for a long-poll", { group: "encode" }, () => {
  new Chunk(twenty).json;
});
