/** What is written, to the byte: N3, N4, decision 4. */
import {
  assert,
  assertEquals,
  assertMatch,
  assertStrictEquals,
} from "@std/assert";
import {
  Chunk,
  Control,
  type ControlData,
  type Format,
  messageJson,
  ndjson,
  reconnectDelay,
  sse,
} from "../src/frame.ts";
import { test } from "./harness.ts";
import { frameOf } from "./recorder.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const message = frameOf(7, { log: "a/ü", data: '{"x":[1,"\\n"]}' });
const json =
  '{"type":"message","channel":"a/ü","id":"e1-7","data":{"x":[1,"\\n"]}}';

test("a message in NDJSON is one line (N3)", () => {
  assertEquals(text(message.bytes(ndjson)), `${json}\n`);
});

test("a message in SSE has id and one data, and no event (N3)", () => {
  assertEquals(text(message.bytes(sse)), `id: e1-7\ndata: ${json}\n\n`);
});

test("a message names its channel, not the log it lies in", () => {
  const frame = frameOf(1, { log: "$secret", channel: 'q"uote' });
  const { channel } = JSON.parse(messageJson(frame));
  assertEquals(channel, 'q"uote');
  assert(!text(frame.bytes(sse)).includes("secret"));
});

test("data is spliced in as it is, not parsed and written again (decision 4)", () => {
  const data = '{ "big":12345678901234567890,"a":1,"a":2 }';
  assert(messageJson(frameOf(1, { data })).endsWith(`"data":${data}}`));
});

test("control frames in NDJSON are one line each (N4)", () => {
  const frames: ControlData[] = [
    { type: "open", connection: "c", key: "k", heartbeat: 5, id: "e1-1" },
    { type: "reset", channel: "a" },
    { type: "heartbeat" },
    { type: "close", code: "kicked", retry: false },
  ];
  for (const data of frames) {
    const line = text(new Control(data).bytes(ndjson));
    assertEquals(line, `${JSON.stringify(data)}\n`);
  }
});

test("control frames in SSE are control events, with an id where they have one (N4)", () => {
  const written = (data: ControlData) => text(new Control(data).bytes(sse));
  assertEquals(
    written({ type: "heartbeat", id: "e1-9" }),
    'event: control\nid: e1-9\ndata: {"type":"heartbeat","id":"e1-9"}\n\n',
  );
  assertEquals(
    written({ type: "reset", channel: "a/*" }),
    'event: control\ndata: {"type":"reset","channel":"a/*"}\n\n',
  );
});

test("open and a close that can be retried tell a browser when to come back (N8)", () => {
  const written = (data: ControlData) => text(new Control(data).bytes(sse));
  const open = {
    type: "open",
    connection: "c",
    key: "k",
    heartbeat: 5,
  } as const;
  assertMatch(
    written(open),
    /^event: control\nretry: [12][0-9]{3}\ndata: \{"type":"open",.*\}\n\n$/,
  );
  assertMatch(
    written({ ...open, id: "e1-1" }),
    /^event: control\nid: e1-1\nretry: [0-9]+\ndata: /,
  );
  const close = { type: "close", code: "shutdown", retry: true } as const;
  assert(written({ ...close, after: 1_500 }).includes("\nretry: 1500\n"));
  assertMatch(written(close), /\nretry: [12][0-9]{3}\n/);
  const final = { type: "close", code: "kicked", retry: false } as const;
  assert(!written(final).includes("retry:"));
});

test("reconnectDelay() is spread over two seconds", () => {
  const delays = [...Array(200)].map(reconnectDelay);
  assert(delays.every((ms) => ms >= 1_000 && ms < 3_000));
  assert(new Set(delays).size > 50);
});

/** A format that counts how often it is asked. */
function counting(): Format & { count: number } {
  const format = {
    type: "text/x-counting",
    count: 0,
    message: ({ seq }: { seq: number }) => `${++format.count && seq};`,
    control: () => `${++format.count}!`,
  };
  return format;
}

test("a frame is encoded once per format, whoever asks (decision 4)", () => {
  const frame = frameOf(3);
  const [one, two] = [counting(), counting()];
  const bytes = frame.bytes(one);
  frame.bytes(two);
  for (let i = 0; i < 3; i++) assertStrictEquals(frame.bytes(one), bytes);
  assertEquals([one.count, two.count, text(bytes)], [1, 1, "3;"]);
});

test("a control frame is encoded once, and shared by all who are told the same", () => {
  const format = counting();
  const control = new Control({ type: "heartbeat" });
  assertStrictEquals(control.bytes(format), control.bytes(format));
  assertEquals(format.count, 1);
});

test("a chunk is the bytes of its frames in a row, made once", () => {
  const format = counting();
  const frames = [frameOf(1), frameOf(2), frameOf(3)];
  const chunk = new Chunk(frames);
  const bytes = chunk.bytes(format);
  assertEquals([text(bytes), chunk.last], ["1;2;3;", 3]);
  assertStrictEquals(chunk.bytes(format), bytes);
  new Chunk(frames.slice(1)).bytes(format);
  assertEquals(format.count, 3, "each frame once, in however many chunks");
});

test("a chunk of one frame is that frame's bytes, not a copy", () => {
  const frame = frameOf(1);
  assertStrictEquals(new Chunk([frame]).bytes(sse), frame.bytes(sse));
});

test("a chunk as JSON is the inside of an array, made once (N5)", () => {
  const frames = [frameOf(1), frameOf(2, { data: '"x"' })];
  const { json } = new Chunk(frames);
  assertEquals(json, frames.map(messageJson).join(","));
  assertEquals(JSON.parse(`[${json}]`).map(({ id }: { id: string }) => id), [
    "e1-1",
    "e1-2",
  ]);
});
