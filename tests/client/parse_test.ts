/** PROTOCOL N3.2, N4; WHATWG HTML 9.2.6: bytes become frames, wherever they are split. */
import { assertEquals, assertThrows } from "@std/assert";
import { ndjson, type Parser, sse } from "../../src/client/parse.ts";
import { Frame, ndjson as lines, sse as events } from "../../src/frame.ts";
import { test } from "../harness.ts";

const encoder = new TextEncoder();

/** Messages that are hard to cut: 1 to 4 bytes a character, and line ends in strings. */
const frames = ["a", "é", "€", "𝄞", "\r\n\u2028", "", "data: x\n\n", null]
  .map((data, index) =>
    new Frame({
      log: "a",
      channel: "a/ü",
      epoch: "e",
      seq: index + 1,
      time: 0,
      data: JSON.stringify(data),
    })
  );
const expected = frames.map((frame) => ({
  type: "message",
  channel: "a/ü",
  id: frame.id,
  data: JSON.parse(frame.data),
}));

function recording(format: typeof lines): Uint8Array {
  return encoder.encode(frames.map((frame) => format.message(frame)).join(""));
}

/** Everything that `parse` makes of `parts`. */
function parseAll<T>(parse: Parser<T>, ...parts: Uint8Array[]): T[] {
  return parts.flatMap((part) => parse(part));
}

for (
  const [name, parser, format] of [
    ["ndjson()", ndjson, lines],
    ["sse()", sse, events],
  ] as const
) {
  test(`${name} reads a recording of the server, cut at every byte`, () => {
    const bytes = recording(format);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const found = parseAll<unknown>(
        parser(),
        bytes.subarray(0, cut),
        new Uint8Array(),
        bytes.subarray(cut),
      );
      assertEquals(found, expected, `cut at ${cut}`);
    }
  });

  test(`${name} reads a recording byte by byte, with any line end and a BOM`, () => {
    const text = new TextDecoder().decode(recording(format));
    for (const end of ["\n", "\r\n", "\r"]) {
      const bytes = encoder.encode(`\ufeff${text.replaceAll("\n", end)}`);
      const parts = [...bytes].map((byte) => new Uint8Array([byte]));
      const found = parseAll<unknown>(parser(), ...parts);
      assertEquals(found, expected, JSON.stringify(end));
    }
  });

  test(`${name} reads 8 frames of 1 MB in pieces of 100 bytes in linear time`, () => {
    const data = JSON.stringify("€".repeat(350_000));
    const frame = new Frame({ ...frames[0]!, id: "", data } as never);
    const bytes = encoder.encode(format.message(frame).repeat(8));
    const parse = parser();
    const start = performance.now();
    let count = 0;
    for (let at = 0; at < bytes.length; at += 100) {
      count += parse(bytes.subarray(at, at + 100)).length;
    }
    assertEquals(count, 8);
    const took = performance.now() - start;
    // Quadratic, it would take minutes; so this bound can be generous.
    assertEquals(took < 10_000, true, `${took} ms`);
  });
}

test("ndjson() throws at a line that is not JSON, such as a proxy's page", () => {
  const page = encoder.encode("<html>\n<p>Sorry.</p>\n");
  assertThrows(() => ndjson()(page), SyntaxError);
});

test("ndjson() waits for the end of a line", () => {
  const parse = ndjson();
  assertEquals(parse(encoder.encode('{"type":"heartbeat"}')), []);
  assertEquals(parse(encoder.encode("\n")), [{ type: "heartbeat" }]);
});

/** What one stream holds, as the `data` of its frames. */
const table: [name: string, stream: string, data: unknown[]][] = [
  ["one event", "data: 1\n\n", [1]],
  ["no space after the colon", "data:1\n\n", [1]],
  ["one space is dropped, not two", 'data:  "a"\n\n', ["a"]],
  ["data of several lines", "data: [1,\ndata: 2]\n\n", [[1, 2]]],
  ["no blank line at the end", "data: 1\n\ndata: 2\n", [1]],
  ["blank lines only", "\n\n\n", []],
  ["a comment", ": hi\ndata: 1\n: there\n\n", [1]],
  ["a comment alone", ":\n\n: data: 1\n\n", []],
  ["an empty line of data", "data:\n\ndata\n\n", []],
  ["an empty line of data before another", "data\ndata: 2\n\n", [2]],
  ["no data, but an event", "event: control\n\ndata: 1\n\n", [1]],
  ["an event of ours", "event: control\ndata: 1\n\n", [1]],
  ["an event called message", "event: message\ndata: 1\n\n", [1]],
  ["an event with no name", "event:\ndata: 1\n\n", [1]],
  ["an event of others", "event: ping\ndata: {\n\ndata: 1\n\n", [1]],
  ["an event that is named twice", "event: x\nevent\ndata: 1\n\n", [1]],
  ["an id", "id: e-1\ndata: 1\n\n", [1]],
  ["an id with NUL", "id: e\0-1\ndata: 1\n\n", [1]],
  ["an empty id", "id\ndata: 1\n\nid:\ndata: 2\n\n", [1, 2]],
  ["an id alone", "id: e-1\n\ndata: 1\n\n", [1]],
  ["a retry", "retry: 1000\ndata: 1\n\n", [1]],
  ["a retry that is no number", "retry: 1s\ndata: 1\n\n", [1]],
  ["a retry alone", "retry: 1\n\ndata: 1\n\n", [1]],
  ["a field nobody knows", "foo: 1\ndata: 1\nbar\n\n", [1]],
  ["fields are case-sensitive", "DATA: 0\ndata: 1\n\n", [1]],
  ["fields that begin like ours", "datax: 0\ndata : 0\ndata: 1\n\n", [1]],
  ["a field with a space before", " data: 0\ndata: 1\n\n", [1]],
  ["a BOM", "\ufeffdata: 1\n\n", [1]],
  ["a BOM elsewhere", "data: 1\n\n\ufeffdata: 2\n\ndata: 3\n\n", [1, 3]],
  ["lone CRs", "data: 1\r\rdata: 2\r\r", [1, 2]],
  ["CRLFs", "data: 1\r\n\r\ndata: 2\r\n\r\n", [1, 2]],
  ["line ends mixed", "data: 1\n\r\ndata: 2\r\n\rdata: 3\r\r", [1, 2, 3]],
  ["LF, CR is two line ends", "data: 1\n\rdata: 2\n\n", [1, 2]],
  ["a colon in the data", 'data: "a: b:c"\n\n', ["a: b:c"]],
  ["other separators are data", 'data: "\u2028\v\f\u0085"\n\n', [
    "\u2028\v\f\u0085",
  ]],
];

test("sse() reads every case of the table, in one piece and byte by byte", () => {
  for (const [name, stream, data] of table) {
    // JSON does not have every one of these characters; strings here may.
    const bytes = encoder.encode(
      stream.replace("\v\f", "\\u000b\\u000c"),
    );
    assertEquals(parseAll<unknown>(sse(), bytes), data, name);
    const parts = [...bytes].map((byte) => new Uint8Array([byte]));
    assertEquals(parseAll<unknown>(sse(), ...parts), data, `${name}, by byte`);
  }
});
