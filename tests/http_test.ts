/** PROTOCOL N1, N7, N8: what HTTP asks of every answer. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { codes, PushError } from "../src/errors.ts";
import {
  allowOrigin,
  checkHost,
  drain,
  negotiate,
  originAllowed,
  preflight,
  problem,
  readText,
} from "../src/http.ts";
import { problemOf } from "./http/halley.ts";
import { test } from "./harness.ts";

const OFFERS = [
  "text/event-stream",
  "application/x-ndjson",
  "application/json",
];

test("negotiate() takes the best by q, then the first named, then the first offered (N10)", () => {
  const cases: [accept: string | null, offer: string | undefined][] = [
    [null, "text/event-stream"],
    ["*/*", "text/event-stream"],
    ["text/*", "text/event-stream"],
    ["application/*", "application/x-ndjson"],
    ["application/json", "application/json"],
    ["APPLICATION/JSON", "application/json"],
    ["application/json, text/event-stream", "application/json"],
    ["application/json;q=0.5, text/event-stream", "text/event-stream"],
    ["text/html, application/json;q=0.9, */*;q=0.1", "application/json"],
    ["text/event-stream;q=0, */*", "application/x-ndjson"],
    ["application/*;q=0.2, application/json", "application/json"],
    ["application/json;charset=utf-8;q=1.0", "application/json"],
    [" application/x-ndjson ; q=0.3 ,application/json;q=0.2", OFFERS[1]],
    ["text/html", undefined],
    ["", undefined],
    [",", undefined],
    ["*/*;q=0", undefined],
    ["application/json;q=2", undefined],
    ["application/json;q=-1", undefined],
    ["application/json;q=NaN", undefined],
    ["text", undefined],
  ];
  for (const [accept, offer] of cases) {
    assertEquals(negotiate(accept, OFFERS), offer, String(accept));
  }
});

function from(headers: Record<string, string>): Request {
  return new Request("http://localhost:8000/push/a", { headers });
}

test("checkHost() passes only the hosts that are served, whatever the port (N7)", () => {
  const hosts = ["localhost", "127.0.0.1", "[::1]"];
  const of = (url: string) => new Request(url);
  for (
    const url of [
      "http://localhost/a",
      "http://localhost:8000/a",
      "http://LOCALHOST:1/a",
      "http://127.0.0.1:8000/a",
      "http://[::1]:8000/a",
      "http://[::1]/a",
    ]
  ) checkHost(of(url), { hosts });
  for (
    const url of [
      "http://evil.example/a",
      "http://localhost.evil.example/a",
      "http://127.0.0.1.evil.example/a",
      "http://evil.example:8000/localhost",
      "http://[::2]/a",
    ]
  ) {
    let code = "none";
    try {
      checkHost(of(url), { hosts });
    } catch (error) {
      code = (error as PushError).code;
    }
    assertEquals(code, "bad_origin", url);
    checkHost(of(url), {});
  }
});

test("originAllowed() knows no browser, the same host and listed origins (N7)", () => {
  const host = "localhost:8000";
  const cases: [headers: Record<string, string>, allowed: boolean][] = [
    [{}, true],
    [{ host, origin: "http://localhost:8000" }, true],
    [{ host, origin: "http://LOCALHOST:8000" }, true],
    [{ host, origin: "https://app.example" }, true],
    [{ host, origin: "http://localhost" }, false],
    [{ host, origin: "http://localhost:8001" }, false],
    [{ host, origin: "http://localhost:8000.evil.example" }, false],
    [{ host, origin: "http://evil.example" }, false],
    [{ host, origin: "https://app.example.evil.example" }, false],
    [{ host, origin: "http://app.example" }, false],
    [{ host, origin: "null" }, false],
    [{ host: "null", origin: "null" }, false],
    [{ host, origin: "" }, false],
  ];
  const callers = { origins: ["https://app.example"] };
  for (const [headers, allowed] of cases) {
    const text = JSON.stringify(headers);
    assertEquals(originAllowed(fake(headers), callers), allowed, text);
  }
  assert(originAllowed(fake({ origin: "http://a.example" }), {
    origins: ["*"],
  }));
  assert(!originAllowed(fake({ origin: "null" }), { origins: ["*"] }), "N10");
});

/** A request with headers that `Request` would not let a program set. */
function fake(headers: Record<string, string>): Request {
  const request = new Request("http://localhost:8000/push/a");
  return new Proxy(request, {
    get(target, name) {
      const own = { get: (key: string) => headers[key] ?? null };
      return name === "headers" ? own : Reflect.get(target, name, target);
    },
  });
}

test("allowOrigin() gives credentials to listed origins alone (N7)", () => {
  const granted = (origin: string, origins?: string[]) => {
    const headers = new Headers();
    const request = from({ origin });
    allowOrigin(request, headers, origins ? { origins } : {});
    return [
      headers.get("access-control-allow-origin"),
      headers.get("access-control-allow-credentials"),
    ];
  };
  const app = "https://app.example";
  assertEquals(granted(app), [null, null]);
  assertEquals(granted(app, ["https://other.example"]), [null, null]);
  assertEquals(granted(app, [app]), [app, "true"]);
  assertEquals(granted(app, ["*"]), [app, null]);
  assertEquals(granted(app, ["*", app]), [app, "true"]);
});

test("preflight() names what is allowed and has no body (N7)", () => {
  const response = preflight("GET, POST");
  assertEquals(response.status, 204);
  assertEquals(response.body, null);
  assertEquals(response.headers.get("allow"), "GET, POST");
  for (const name of ["push-key", "last-event-id", "idempotency-key"]) {
    const list = response.headers.get("access-control-allow-headers")!;
    assert(list.split(", ").includes(name), list);
  }
});

test("problem() says the same in status and body, and when to come back (N8)", async () => {
  for (const code of Object.keys(codes) as (keyof typeof codes)[]) {
    const response = problem(new PushError(code));
    assertEquals(response.headers.get("cache-control"), "no-store");
    assertEquals(response.status, codes[code].status);
    assertEquals(
      response.headers.get("www-authenticate"),
      code === "unauthorized"
        ? "Bearer"
        : code === "token_expired"
        ? 'Bearer error="invalid_token"'
        : null,
    );
    assertEquals(
      response.headers.has("retry-after"),
      codes[code].status === 503,
      code,
    );
    assertEquals((await problemOf(response)).code, code);
  }
});

test("problem() rounds Retry-After up to whole seconds (RFC 9110, 10.2.3)", () => {
  for (
    const [ms, seconds] of [
      [0, "1"],
      [1, "1"],
      [1_000, "1"],
      [1_001, "2"],
      [5_000, "5"],
    ] as const
  ) {
    const response = problem(new PushError("unavailable", undefined, ms));
    assertEquals(response.headers.get("retry-after"), seconds);
  }
});

function post(body: BodyInit | ReadableStream | null): Request {
  const init = { method: "POST", body, duplex: "half" } as RequestInit;
  return new Request("http://localhost/a", init);
}

function streamOf(...parts: Uint8Array[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    pull(controller) {
      const part = parts.shift();
      if (part) controller.enqueue(part);
      else controller.close();
    },
  });
}

/** As long as it takes. */
const untimed = () => () => {};

test("readText() keeps a character that is split over two chunks (N7)", async () => {
  const bytes = new TextEncoder().encode("é…😀");
  for (let cut = 0; cut <= bytes.length; cut++) {
    const body = streamOf(bytes.slice(0, cut), bytes.slice(cut));
    assertEquals(await readText(post(body), 100, untimed), "é…😀");
  }
  assertEquals(await readText(post(null), 0, untimed), "");
});

test("readText() takes a body of exactly the limit, and not a byte more (N7)", async () => {
  assertEquals(await readText(post("éé"), 4, untimed), "éé");
  const error = await assertRejects(
    () => readText(post("ééx"), 4, untimed),
    PushError,
    "4 bytes",
  );
  assertEquals(error.code, "too_large");
});

test("readText() refuses what is not UTF-8, a cut-off character included (N7)", async () => {
  for (
    const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf0, 0x9f, 0x98]]
  ) {
    const error = await assertRejects(
      () => readText(post(Uint8Array.from(bytes)), 100, untimed),
      PushError,
    );
    assertEquals(error.code, "invalid_request");
  }
});

test("readText() stops reading a body that never ends (N8)", async () => {
  let cancelled = false;
  const megabyte = new Uint8Array(1 << 20);
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(megabyte),
    cancel() {
      cancelled = true;
    },
  });
  await assertRejects(() => readText(post(body), 10, untimed), PushError);
  assert(cancelled);
});

test("readText() blames the sender for a body that breaks off (N8)", async () => {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array(3)),
    pull: (controller) => controller.error(new Error("connection reset")),
  });
  const error = await assertRejects(
    () => readText(post(body), 100, untimed),
    PushError,
  );
  assertEquals(error.code, "invalid_request");
});

test("readText() refuses a body that does not come to an end in time, and keeps nothing of it (N8)", async () => {
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(Uint8Array.of(120)),
  });
  const request = new Request("http://localhost/", {
    method: "POST",
    body,
    duplex: "half",
  } as RequestInit);
  let end = () => {};
  const read = readText(request, 1e9, (late) => (end = late, () => {}));
  end();
  const error = await assertRejects(() => read, PushError);
  assertEquals([error.code, error.status], ["request_timeout", 408]);
});

test("readText() lets go of its time limit when the body is there", async () => {
  let released = 0;
  const request = new Request("http://localhost/", {
    method: "POST",
    body: "x",
  });
  const text = await readText(request, 1, () => () => void released++);
  assertEquals([text, released], ["x", 1]);
});

test("drain() does not wait for a body that never comes to an end (N8)", async () => {
  let cancelled = false;
  const body = new ReadableStream({ cancel: () => void (cancelled = true) });
  await drain(post(body), 1);
  assert(cancelled);
});

test("drain() reads what is left, once, and never rejects (N8)", async () => {
  const request = post("x".repeat(100_000));
  await drain(request);
  assert(request.bodyUsed);
  await drain(request);
  await drain(post(null));
});
