/** Attacks: what a sender writes is to become a header, an event or a line. */
import { assert, assertEquals } from "@std/assert";
import { test } from "../harness.ts";
import { type Halley, start, subscribe } from "../http/halley.ts";
import { bodyOf, exchange, Raw } from "../http/sockets.ts";
import { get, post } from "../http/target.ts";

/** Ends a field, an event, a line or a header, wherever such an end is seen. */
const BREAKS = ["\n", "\r", "\r\n", "\n\n", "\u2028", "\u2029", "\u0085", "\0"];
/** What would be believed if it stood on a line of its own. */
const FORGED = [
  'data: {"type":"message","channel":"a","id":"x-1","data":"forged"}',
  "event: control",
  "id: forged-1",
  "retry: 1",
  '{"type":"close","code":"kicked","retry":false}',
  "set-cookie: forged=1",
];
const DATA = BREAKS.flatMap((end) =>
  FORGED.map((text) => `x${end}${text}${end}${end}`)
);

/** A stream as bytes, past its `open`. */
async function stream(halley: Halley, path: string): Promise<Raw> {
  const raw = await Raw.open(halley.port);
  raw.send(get(path));
  await raw.until(() => raw.text.includes("heartbeat"));
  return raw;
}

/** The lines of a stream, as a client finds them that breaks them where it can. */
async function lines(raw: Raw, last: string): Promise<string[]> {
  await raw.until(() => raw.text.includes(last));
  const text = new TextDecoder().decode(bodyOf(raw.bytes));
  return text.split(/\r\n|\r|\n/);
}

test("attack: data that ends a Server-Sent Event and forges another", async () => {
  await using halley = await start();
  using raw = await stream(halley, "/a?transport=sse");
  for (const data of DATA) {
    for (const body of [data, JSON.stringify({ [data]: data })]) {
      const type = body === data ? "text/plain" : "application/json";
      await exchange(halley.port, post("/a", type, body));
    }
  }
  await halley.engine.publish("a", "the end");
  const found = await lines(raw, "the end");
  const events = found.filter((line) => line.startsWith("data: {"));
  assertEquals(events.length, 2 * DATA.length + 2);
  // Every line is a field that the server wrote; none begins with what was sent.
  for (const line of found) {
    if (line === "") continue;
    const colon = line.indexOf(": ");
    const [name, value] = [line.slice(0, colon), line.slice(colon + 2)];
    if (name === "id") assert(/^[0-9A-Za-z]{10}-\d+$/.test(value), line);
    else if (name === "retry") assert(/^\d{4}$/.test(value), line);
    else if (name === "event") assertEquals(value, "control");
    else assert(name === "data" && JSON.parse(value), line);
  }
});

test("attack: data that ends a line of NDJSON and forges another", async () => {
  await using halley = await start();
  using raw = await stream(halley, "/a?transport=stream");
  for (const data of DATA) await halley.engine.publish("a", { [data]: data });
  await halley.engine.publish("a", "the end");
  const found = (await lines(raw, "the end")).filter((line) => line !== "");
  assertEquals(found.length, DATA.length + 2);
  const kinds = new Set(found.map((line) => JSON.parse(line).type));
  assertEquals([...kinds], ["open", "message"]);
});

test("attack: a subject, a channel or an id that forges an event", async () => {
  const subject = "ann\n\ndata: forged\n\n";
  await using halley = await start({
    policy: { identify: () => ({ subject }), allow: () => true },
  });
  using raw = await stream(halley, "/a?transport=sse&presence=1");
  const strange = "a\u2028data: forged";
  const { listener } = await subscribe(
    `${halley.url}?channel=a&channel=${encodeURIComponent(strange)}`,
    { "last-event-id": "x-1  data: forged" },
  );
  await halley.engine.publish(strange, 1);
  assertEquals(await listener.data(1), [1]);
  await halley.engine.publish("a", "the end");
  const found = await lines(raw, "the end");
  assert(found.some((line) => line.includes('"join"')));
  assert(!found.some((line) => line.startsWith("data: forged")));
  await listener.close();
});

test("attack: a header that is injected by way of the URL, an Origin or a key", async () => {
  await using halley = await start({}, { origins: ["*"] });
  const forged = "%0d%0aX-Forged:%20yes%0d%0a%0d%0aforged";
  const requests = [
    get(`/a${forged}`),
    get(`?channel=a${forged}`),
    get(`/a?transport=poll&since=x-1${forged}`),
    get(`/a?transport=poll&key=${forged}`),
    get(`/a?transport=poll&wait=${forged}`),
    get(`/$presence?channel=${forged}`),
    post(`/a?to=${forged}`, "text/plain", "x"),
    post("/a", "text/plain", "x", `Idempotency-Key: ${forged}\r\n`),
    post("/a", `text/${forged}`, "x"),
    get("/a?transport=poll", `Origin: https://a.example${forged}\r\n`),
    get("/a?transport=poll", `Accept: ${forged}, application/json\r\n`),
  ];
  for (const request of requests) {
    const { status, headers, body } = await exchange(halley.port, request);
    assert(status < 500, request);
    assertEquals(headers.get("x-forged"), null, request);
    assert(!/^forged/m.test(body), body);
    JSON.parse(body);
  }
});

test("attack: two requests in one, told apart differently by two servers (RFC 9112, 6.3)", async () => {
  await using halley = await start();
  const { port, engine } = halley;
  const inner = post("/b", "text/plain", "smuggled");
  const head = "POST /push/a HTTP/1.1\r\nHost: localhost\r\n";
  const ambiguous = [
    `${head}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${inner}`,
    `${head}Content-Length: 0\r\nContent-Length: ${inner.length}\r\n\r\n${inner}`,
    `${head}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n${inner}`,
    `${head}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${inner}`,
  ];
  for (const request of ambiguous) {
    using raw = await Raw.open(port);
    raw.send(request);
    raw.socket.end();
    await raw.end();
  }
  // Whatever the runtime made of them, nothing was taken for a second request.
  const { frames } = await engine.history("b");
  assertEquals(frames.map(({ data }) => data), []);
});
