/** HTTP answers as the load reads them, and what its dialects make of them. */
import { assertEquals, assertThrows } from "@std/assert";
import { type Answer, AnswerReader, field } from "../../bench/load/answers.ts";
import { dialects, type Exchange, pathOf } from "../../bench/load/dialects.ts";
import { test } from "../harness.ts";

const WIRE = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nEtag: 7\r\n\r\nhello" +
  "HTTP/1.1 204 No Content\r\n\r\n" +
  "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" +
  "3\r\nab~\r\n4\r\ncdef\r\n0\r\n\r\n" +
  "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";

function read(...pieces: string[]): Answer[] {
  const reader = new AnswerReader();
  const encoder = new TextEncoder();
  return pieces.flatMap((piece) => [...reader.push(encoder.encode(piece))]);
}

test("answers are found wherever the bytes are cut", () => {
  const expected = [
    [200, "hello"],
    [204, ""],
    [200, "ab~cdef"],
    [404, ""],
  ];
  for (let cut = 0; cut <= WIRE.length; cut++) {
    const answers = read(WIRE.slice(0, cut), WIRE.slice(cut));
    const found = answers.map(({ status, body }) => [status, `${body}`]);
    assertEquals(found, expected, `cut at ${cut}`);
  }
});

test("a field is found by its name, whatever its case", () => {
  const [answer] = read(WIRE);
  assertEquals(field(answer!.head, "etag"), "7");
  assertEquals(field(answer!.head, "last-modified"), undefined);
});

test("what is no HTTP is refused", () => {
  assertThrows(() => read("SSH-2.0-server\r\n\r\n"), Error, "no HTTP answer");
});

test("a path takes its channels as a query, a list or one name", () => {
  const channels = ["a/b", "c"];
  assertEquals(pathOf("/p?{query}", channels), "/p?channel=a%2Fb&channel=c");
  assertEquals(pathOf("/sub/{channels}", channels), "/sub/a%2Fb,c");
  assertEquals(pathOf("/p/{channel}?x=1", channels), "/p/a%2Fb?x=1");
});

function talkOf(name: string) {
  const { talk } = dialects[name] as Exchange;
  return talk({ host: "h", path: "/p/{channels}", channels: ["a"] });
}

test("Halley's long-poll goes on from the id of each answer, with its key", () => {
  const talk = talkOf("poll");
  const first = talk.next().value!;
  assertEquals(first.parked, false);
  assertEquals(first.request.split("\r\n")[0], "GET /p/a HTTP/1.1");
  const body = `{"connection":"C","key":"K","id":"e-1","messages":[]}`;
  const [answer] = read(
    `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
  const second = talk.next(answer!).value!;
  assertEquals(second.parked, true);
  assertEquals(
    second.request.split("\r\n")[0],
    "GET /p/a?since=e-1&key=K HTTP/1.1",
  );
});

test("nchan's long-poll goes on from two fields of each answer", () => {
  const talk = talkOf("nchan-poll");
  assertEquals(talk.next().value!.parked, true);
  const [answer] = read(
    "HTTP/1.1 200 OK\r\nLast-Modified: now\r\nEtag: 3\r\ncontent-length: 0\r\n\r\n",
  );
  const { request } = talk.next(answer!).value!;
  assertEquals(
    request,
    "GET /p/a HTTP/1.1\r\nhost: h\r\n" +
      "if-modified-since: now\r\nif-none-match: 3\r\n\r\n",
  );
});

test("an event stream resumes from the last event that is whole", () => {
  const { sse, stream } = dialects;
  if (sse?.kind !== "streaming" || stream?.kind !== "streaming") throw sse;
  assertEquals(sse.cursor("id: a-1\ndata: 1\n\nid: a-12\ndata: 2\n\n"), "a-12");
  assertEquals(stream.cursor(`{"id":"a-1"}\n{"id":"a-12"}\n`), "a-12");
  const talk = { host: "h", path: "/p", channels: [] };
  assertEquals(
    sse.request(talk, "a-12"),
    "GET /p HTTP/1.1\r\nhost: h\r\naccept: text/event-stream\r\n" +
      "last-event-id: a-12\r\n\r\n",
  );
});
