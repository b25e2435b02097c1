/** PROTOCOL N8: bad requests get a problem, never a 5xx, and change nothing. */
import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@^4.10.0";
import { v } from "../src/deps.ts";
import { PollAnswer } from "../src/wire.ts";
import { test } from "./harness.ts";
import { start } from "./http/halley.ts";
import { exchange, Raw } from "./http/sockets.ts";
import { get, isProblem, post, Target } from "./http/target.ts";

/** What stands between blanks. */
const words = (text: string) => text.trim().split(/\s+/);

const LONG = "n".repeat(256);
const BAD_NAMES = words(`
  %00 a%00b a%0Ab a%0D%0Ab %1F %7F %C2%80 %C2%9F a//b /a a/ // %2F %2Fa a%2F
  a%2F%2Fb $all $ $leave/x $x/y %24all a* *a a/*b */a **/a a/**/b a/*** ***
  a*b/c ${LONG} ${"n".repeat(300)} ${"%C3%A9".repeat(128)} ${LONG}/*
  ${"%F0%9F%98%80".repeat(64)} ${"s/".repeat(127)}ss ${"n".repeat(254)}/*`);
const BAD_UTF8 = words(`
  % %4 %zz %FF %FE%FF %C3 %C3%28 %E2%82 %F0%9F%98 %ED%A0%80 %C0%AF %F5%80%80%80
  %u0041 a% a%2 %-1 %%41`);

test("bad names are refused, wherever they stand (N2, N8)", async () => {
  await using target = await Target.open();
  for (const name of ["", ...BAD_NAMES]) {
    await target.refuses(get(`/${name}?transport=poll`), 400);
    await target.refuses(get(`?channel=${name}`), 400);
    await target.refuses(get(`/a?channel=b&channel=${name}`), 400);
    await target.refuses(post(`/${name}`, "text/plain", "x"), 400);
    await target.refuses(post(`?channel=${name}`, "text/plain", "x"), 400);
  }
  for (const name of words("* ** a/* a/** a%2F*")) {
    await target.refuses(post(`/${name}`, "text/plain", "x"), 400);
  }
  // In a path, a runtime may resolve them before anybody sees them.
  for (const name of words(". .. a/. a/.. ./a ../a a/../b a/%2E%2E")) {
    await target.refuses(get(`?channel=${name}`), 400);
    await target.refuses(post(`?channel=${name}`, "text/plain", "x"), 400);
  }
});

test("what is not percent-encoded UTF-8 is refused (RFC 3986, 2.1)", async () => {
  await using target = await Target.open();
  for (const text of BAD_UTF8) {
    await target.refuses(get(`/a${text}`), 400);
    await target.refuses(get(`/a?channel=${text}`), 400);
    await target.refuses(get(`/a?transport=poll&x=${text}`), 400);
    await target.refuses(post(`/a${text}`, "text/plain", "x"), 400);
  }
});

test("parameters that say nothing sensible are refused (N5, N6)", async () => {
  await using target = await Target.open();
  const waits = words(`
    -1 60001 99999999999999999999 1e3 NaN Infinity 0x10 1.5 %20 +1 1%2C000 %D9%A3
    true [] 1;2`);
  for (const wait of ["", ...waits]) {
    await target.refuses(get(`/a?transport=poll&wait=${wait}`), 400);
  }
  for (const transport of ["", ...words("ws SSE poll%00 sse,poll __proto__")]) {
    await target.refuses(get(`/a?transport=${transport}`), 400);
  }
  const A = (count: number) => "A".repeat(count);
  const keys = words(`
    x ${A(23)} ${A(25)} ${A(23)}- ${A(23)}%00 ${A(5_000)} ../../etc/x
    ${"%C3%A9".repeat(12)}`);
  for (const key of ["", ...keys]) {
    await target.refuses(get(`/a?key=${key}`), 400);
    await target.refuses(post(`/$leave?key=${key}`, "text/plain", ""), 400);
    await target.refuses(post(`/a?key=${key}`, "text/plain", "x"), 400);
    await target.refuses(get("/a", `Push-Key: ${key}\r\n`), 400);
  }
  for (const to of ["", ...words(`** a* a/b %00 %C3%A9 a,b ${A(65)}`)]) {
    await target.refuses(post(`/a?to=${to}`, "text/plain", "x"), 400);
  }
  await target.refuses(post("/a?to=nobody", "text/plain", "x"), 404);
  await target.refuses(post("/$leave", "text/plain", ""), 400);
  for (const key of ["", "k".repeat(256)]) {
    const header = `Idempotency-Key: ${key}\r\n`;
    await target.refuses(post("/a", "text/plain", "x", header), 400);
  }
  // The first of a repeated parameter counts.
  await target.refuses(get("/a?transport=poll&wait=x&wait=1"), 400);
  await target.refuses(get("/a?transport=x&transport=poll"), 400);
});

test("ids of no order are a reset, and never a 400 (N6)", async () => {
  await using target = await Target.open();
  const ids = words(`
    -1 99999999999999999999999 NaN Infinity 0 null x-1 x--1 x-1.5 x-01 %00 a-1-2
    x-9007199254740993 %0D%0Ax:%20y %C3%A9 %F0%9F%98%80 {} __proto__ EARLIEST
    earliest%20 ${"x".repeat(200)}`);
  for (const since of ids) {
    const path = `/a?transport=poll&wait=0&since=${since}`;
    const { body } = await target.answers(get(path), 200);
    const answer = v.parse(PollAnswer, JSON.parse(body));
    assertEquals([answer.reset, answer.messages], [true, []], since);
  }
});

test("bodies that are not what they say are refused (N7)", async () => {
  await using target = await Target.open();
  const json = words(String.raw`
    { [ " {] [1,] {"a":} {a:1} 'a' nul NaN undefined Infinity - 01 "\x" "\u12" //
    <xml/> 1; {}{} tru +1 .5`);
  json.push("", " ", "1 2", "\0", '"\n"', "\ufeff\ufeff1", '"\u0001"');
  for (const body of json) {
    await target.refuses(post("/a", "application/json", body), 400);
  }
  const types = words(`
    application/octet-stream image/png multipart/form-data json / ; text */*
    application/jsonp application/ application/xml`);
  for (const type of types) {
    await target.refuses(post("/a", type, "{}"), 415);
  }
  const invalid = ["\xff", "\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf8\x88"];
  for (const body of invalid) {
    for (const type of ["text/plain", "application/json"]) {
      const request = `POST /push/a HTTP/1.1\r\nHost: localhost\r\n` +
        `Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      const bytes = Uint8Array.from(request, (c) => c.charCodeAt(0));
      await target.refuses(bytes, 400);
    }
  }
});

test("bodies that are too large or too deep are refused (N8)", async () => {
  await using target = await Target.open();
  const big = "x".repeat(10_000_000);
  await target.refuses(post("/a", "text/plain", big), 413);
  await target.refuses(post("/a", "application/json", `"${big}"`), 413);
  await target.refuses(post("/$leave", "text/plain", big), 400);
  await target.refuses(post("/a*b", "text/plain", big), 400);
  const chunk = `${(100_000).toString(16)}\r\n${"x".repeat(100_000)}\r\n`;
  const chunked = "Host: localhost\r\nTransfer-Encoding: chunked\r\n" +
    `\r\n${chunk.repeat(100)}0\r\n\r\n`;
  await target.refuses(`POST /push/a HTTP/1.1\r\n${chunked}`, 413);
  await target.refuses(`PUT /push/a HTTP/1.1\r\n${chunked}`, 405);
  for (const depth of [600, 100_000]) {
    const [open, close] = ["[".repeat(depth), "]".repeat(depth)];
    await target.refuses(post("/a", "application/json", open + close), 413);
    await target.refuses(post("/a", "application/json", open), 400, 413);
    const objects = '{"":'.repeat(depth);
    await target.refuses(post("/a", "application/json", objects), 400, 413);
  }
});

test("JSON nested deeper than the stack is no server error (N7)", async () => {
  await using halley = await start({ limits: { message: 10_000_000 } });
  for (const depth of [1_000, 100_000, 2_000_000]) {
    const body = "[".repeat(depth) + "]".repeat(depth);
    const request = post("/a", "application/json", body);
    const answer = await exchange(halley.port, request);
    if (answer.status !== 200) isProblem(answer, `depth ${depth}`);
  }
});

test("methods, types and callers that are not served are refused (N7, N8)", async () => {
  await using target = await Target.open();
  for (const method of words("PUT DELETE PATCH TRACE PROPFIND QUERY")) {
    for (const path of ["", "/a", "/$leave", "/a*b"]) {
      const request = post(path, "text/plain", "x").replace("POST", method);
      await target.refuses(request, 405);
    }
  }
  await target.refuses(get("/$leave"), 405);
  const accepts = words(`
    text/html , * / q=1 image/* text/event-stream;q=0 application/json;q=2
    application/json;q=-0.1 "*/*"`);
  for (const accept of ["", ...accepts]) {
    await target.refuses(get("/a", `Accept: ${accept}\r\n`), 406);
  }
  for (const host of words("evil.example localhost.evil.example [::1] x")) {
    for (const request of [get("/a"), post("/a", "text/plain", "x")]) {
      await target.refuses(request.replace("localhost", host), 403);
    }
  }
  const origins = words("null https://evil.example http://localhost:1 x //");
  for (const origin of origins) {
    const headers = `Origin: ${origin}\r\n`;
    await target.refuses(post("/a", "text/plain", "x", headers), 403);
    await target.refuses(post("/$leave", "text/plain", "x", headers), 403);
  }
});

test("odd requests that are in order are answered, and change nothing (N8)", async () => {
  await using target = await Target.open();
  for (const path of ["/a", "", "/%00", "/a*b", "/$leave", `/${LONG}`]) {
    await target.answers(get(path).replace("GET", "OPTIONS"), 204);
  }
  const junk = [
    `X: ${"y".repeat(5_000)}`,
    "Cookie: é=😀",
    "X-Forwarded-For: ,,,",
    "Content-Type: text/html",
    "Range: bytes=0-",
    "If-None-Match: *",
    "X-A:",
    "Accept-Encoding: br;q=9",
    "Sec-WebSocket-Key: x",
    "Authorization: \\",
  ];
  for (const header of junk) {
    const path = "/a?transport=poll&wait=0&since=earliest";
    await target.answers(get(path, `${header}\r\n`), 200);
  }
  await target.answers(get("/a").replace("GET", "HEAD"), 200);
  const nobody = `/$leave?key=${"A".repeat(24)}`;
  await target.answers(post(nobody, "text/plain", "x"), 204);
});

test("what is not HTTP gets nowhere (RFC 9112)", async () => {
  await using target = await Target.open();
  const chunked = "Transfer-Encoding: chunked\r\n";
  const requests = [
    "\r\n\r\n\r\n\r\n",
    "GET\r\n\r\n",
    "GET /push/a\r\n\r\n",
    "\0\0\0\0\r\n\r\n",
    get("/a").replace("HTTP/1.1", "HTTP/9.9"),
    get("/a b"),
    get("/a", "no colon\r\n"),
    get("/a", "X: \u0001\r\n"),
    get("/a", ": x\r\n"),
    get(`/a?x=${"x".repeat(2_000_000)}`),
    post("/a", "text/plain", "x", "Content-Length: 5\r\n"),
    post("/a", "text/plain", "x").replace("Length: 1", "Length: -1"),
    `POST /push/a HTTP/1.1\r\nHost: localhost\r\n${chunked}\r\nzz\r\n`,
  ];
  for (const request of requests) {
    using raw = await Raw.open(target.port);
    // The runtime answers by itself and hangs up; so do we.
    raw.send(request).socket.end();
    await raw.end();
    const [, status = "none"] = /^HTTP\/1\.[01] (\d+)/.exec(raw.text) ?? [];
    assert(status[0] !== "2", `${status} to ${request.slice(0, 99)}`);
  }
});

test("generated requests are refused, and change nothing (N8)", async () => {
  await using target = await Target.open();
  const name = fc.oneof(
    fc.constantFrom(...BAD_NAMES, ...BAD_UTF8),
    fc.string({ unit: "binary", maxLength: 300 }).map((text) =>
      `$${encodeURIComponent(text.toWellFormed())}`
    ),
    // A byte that continues nothing, then anything.
    fc.uint8Array({ maxLength: 8 }).map((bytes) =>
      [0x80, ...bytes].map((byte) => `%${byte.toString(16).padStart(2, "0")}`)
        .join("")
    ),
  );
  const value = fc.oneof(
    fc.double().map(String),
    fc.bigInt().map(String),
    fc.string().map((text) => encodeURIComponent(text)),
  );
  const parameter = fc.constantFrom(
    ...words("channel wait key x since to transport"),
  );
  const query = fc.array(fc.tuple(parameter, value), { maxLength: 5 })
    .map((pairs) => pairs.map((pair) => pair.join("=")).join("&"));
  const method = fc.constantFrom("GET", "POST", "PUT", "DELETE");
  const body = fc.string({ unit: "binary", maxLength: 50 });
  const property = fc.asyncProperty(
    fc.tuple(method, name, query, body),
    ([method, name, query, body]) => {
      const path = `?channel=${name}&${query}`;
      const request = post(path, "text/plain", body.toWellFormed());
      return target.refuses(request.replace("POST", method));
    },
  );
  await fc.assert(property, { numRuns: 300 });
});
