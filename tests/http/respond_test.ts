/** Responses of one's own over real sockets: how they flow, and how they end. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createEngine } from "../../src/engine.ts";
import {
  type EndReason,
  type Producer,
  stream,
  type StreamOptions,
} from "../../src/respond.ts";
import { createRouter } from "../../src/router.ts";
import { serve, type Server, test } from "../harness.ts";
import { EventReader } from "./events.ts";
import { listen, start, until } from "./halley.ts";
import { bodyOf, proxy, Raw, readAnswer } from "./sockets.ts";

/** A server whose every answer `produce` writes, and how each ended. */
async function producing(
  produce: (request: Request) => Producer<string | Uint8Array>,
  options: StreamOptions = {},
): Promise<Server & AsyncDisposable & { ends: EndReason[] }> {
  const ends: EndReason[] = [];
  const onEnd = (reason: EndReason) => void ends.push(reason);
  const server = await serve((request) =>
    request.url.endsWith("/ping")
      ? new Response("pong")
      : stream(request, produce(request), { onEnd, ...options })
  );
  return { ...server, ends, [Symbol.asyncDispose]: () => server.stop() };
}

const GET = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve())
  );
}

function textOf(raw: Raw): string {
  return new TextDecoder().decode(bodyOf(raw.bytes));
}

/** Whether the answer has come to its end, as its sender meant it. */
function whole(raw: Raw): boolean {
  return readAnswer(raw.bytes) !== undefined;
}

test("a progress report arrives step by step", async () => {
  let next = Promise.withResolvers<void>();
  await using server = await producing(() => async (out) => {
    for (let percent = 0; percent <= 100; percent += 25) {
      await out.write(`${percent} %\n`);
      await next.promise;
      next = Promise.withResolvers();
    }
  });
  const response = await fetch(server.url);
  const reader = response.body!.getReader();
  for (let percent = 0; percent <= 100; percent += 25) {
    const { value } = await reader.read();
    assertEquals(new TextDecoder().decode(value), `${percent} %\n`);
    next.resolve();
  }
  assertEquals((await reader.read()).done, true);
  assertEquals(server.ends, ["done"]);
});

const PIECE = new Uint8Array(100_000).fill(0x78);
const PIECES = 1_000;

test("write() waits for a client that does not read, and goes on when it does", async () => {
  let written = 0;
  await using server = await producing(() => async (out) => {
    while (written < PIECES) {
      await out.write(PIECE);
      written++;
    }
  });
  using raw = await Raw.open(server.port);
  raw.send(GET.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"));
  await raw.until(() => written > 0 && raw.bytes.length > 0);
  raw.socket.pause();
  for (let still = 0, before = -1; still < 30;) {
    await (await fetch(`${server.url}/ping`)).text();
    still = written === before ? still + 1 : 0;
    before = written;
  }
  assert(written < PIECES, "100 MB were swallowed");
  assertEquals(server.ends, []);
  let read = raw.bytes.length;
  raw.socket.on("data", (bytes) => read += bytes.length);
  raw.socket.resume();
  await raw.end();
  assertEquals([written, server.ends], [PIECES, ["done"]]);
  assert(read >= PIECE.length * PIECES, `${read} bytes arrived`);
});

test("a response that is not done is seen to be cut off, one that is done is not", async () => {
  const engine = createEngine();
  const cases: [EndReason, Producer<string>, StreamOptions][] = [
    ["done", () => {}, {}],
    ["error", () => Promise.reject(new Error("secret")), {}],
    ["timeout", (_, signal) => aborted(signal), { timeout: 200 }],
    ["shutdown", (_, signal) => aborted(signal), { signal: engine.signal }],
  ];
  for (const [reason, produce, options] of cases) {
    const begun = Promise.withResolvers<void>();
    await using server = await producing(() => async (out, signal) => {
      await out.write("begun\n");
      await begun.promise;
      await produce(out, signal);
    }, options);
    // Where the answer has not begun yet, fetch itself may fail.
    const reading = Promise.allSettled([
      fetch(server.url).then((response) => response.text()),
    ]);
    using raw = await Raw.open(server.port);
    raw.send(GET);
    await raw.until(() => raw.text.includes("begun"));
    begun.resolve();
    if (reason === "shutdown") await engine.close();
    await raw.until(() => whole(raw));
    assertEquals([whole(raw), textOf(raw)], [reason === "done", "begun\n"]);
    assert(!raw.text.includes("secret"));
    const [read] = await reading;
    if (reason !== "done") assertEquals(read.status, "rejected");
    else assertEquals(read, { status: "fulfilled", value: "begun\n" });
    assertEquals(server.ends, [reason, reason]);
  }
});

test("a response that fails before its first write is no good answer", async () => {
  await using server = await producing(() => () => {
    throw new Error("secret");
  });
  using raw = await Raw.open(server.port);
  raw.send(GET);
  const text = await raw.until(() => whole(raw));
  const good = /^HTTP\/1.1 2/.test(text) && whole(raw);
  assert(!good && !text.includes("secret"), text);
});

test("a client that goes ends its response, and a producer that ignores that is harmless", async () => {
  const failures: unknown[] = [];
  await using server = await producing(() => async (out, signal) => {
    await out.write("begun");
    await aborted(signal);
    for (let n = 0; n < 100; n++) {
      await out.write("late").catch((error) => void failures.push(error));
    }
  });
  for (const way of ["FIN", "RST"]) {
    using raw = await Raw.open(server.port);
    raw.send(GET);
    await raw.until(() => raw.text.includes("begun"));
    if (way === "FIN") raw.socket.end();
    else raw.socket.resetAndDestroy();
    await until(() => server.ends.length > 0 && failures.length === 100);
    assertEquals(server.ends.splice(0), ["disconnected"], way);
    failures.length = 0;
  }
  assertEquals(await (await fetch(`${server.url}/ping`)).text(), "pong");
});

test("the request's body is read while the response runs", async () => {
  await using server = await producing((request) => async (out) => {
    const decoder = new TextDecoder();
    const reader = request.body!.getReader();
    for (let part; (part = await reader.read()).value;) {
      const text = decoder.decode(part.value, { stream: true });
      await out.write(text.toUpperCase());
    }
    await out.write(".");
  });
  using raw = await Raw.open(server.port);
  raw.send(
    "POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
  );
  let expected = "";
  for (const piece of ["tea", "é", "x".repeat(20_000), "coffee"]) {
    const { length } = new TextEncoder().encode(piece);
    raw.send(`${length.toString(16)}\r\n${piece}\r\n`);
    expected += piece.toUpperCase();
    await raw.until(() => textOf(raw) === expected);
    assertEquals(textOf(raw), expected);
  }
  raw.send("0\r\n\r\n");
  await raw.until(() => whole(raw));
  assertEquals([textOf(raw), server.ends], [`${expected}.`, ["done"]]);
});

test("500 clients that come and go leave no run and no listener behind", async () => {
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: [string, EventListener]) => {
    listeners++;
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: [string, EventListener]) => {
    listeners--;
    removeEventListener.apply(signal, args);
  };
  await using server = await producing(() => async (out, signal) => {
    await out.write("begun");
    await aborted(signal);
  }, { signal });
  for (let round = 0; round < 10; round++) {
    const raws = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const raw = await Raw.open(server.port);
        raw.send(GET);
        await raw.until(() => raw.text.includes("begun"));
        return raw;
      }),
    );
    assertEquals(listeners, 50);
    for (const raw of raws) raw.close();
    await until(() => server.ends.length === 50 * (round + 1));
    assertEquals(listeners, 0);
  }
  assertEquals([...new Set(server.ends)], ["disconnected"]);
});

const TOKENS = Array.from({ length: 60 }, (_, n) => `token ${n} é`);

test("a reader that loses its connection in mid-answer goes on where it was", async () => {
  await using halley = await start({ linger: 0 });
  const { engine, port, url } = halley;
  // Each token is written when the reader has had the one before, or was cut off.
  let wanted = Promise.withResolvers<void>();
  const ended = stream(engine.channel("answer/1"), async (out) => {
    for (const token of TOKENS) {
      await out.write(token);
      await wanted.promise;
      wanted = Promise.withResolvers();
    }
  }, { last: (reason) => ({ end: reason }) });
  let cut = 150;
  const cutter = await proxy(port, () => cut += 37);
  const got: unknown[] = [];
  let id = "";
  let connections = 0;
  for (; got.length <= TOKENS.length; connections++) {
    using raw = await Raw.open(cutter.port);
    const resume = id ? `Last-Event-ID: ${id}\r\n` : "";
    const query = id ? "" : "?since=earliest";
    raw.send(
      `GET /push/answer/1${query} HTTP/1.1\r\nHost: localhost\r\n${resume}\r\n`,
    );
    const reader = new EventReader(id);
    for (let seen = 0; !raw.ended && got.length <= TOKENS.length;) {
      const before = raw.bytes.length;
      const body = bodyOf(raw.bytes);
      for (const { type, data } of reader.read(body.subarray(seen))) {
        if (type === "message") got.push(JSON.parse(data).data);
      }
      seen = body.length;
      wanted.resolve();
      if (got.length > TOKENS.length) break;
      await raw.until(() => raw.bytes.length > before);
    }
    id = reader.lastEventId;
  }
  assert(connections > 5, "it was hardly cut off");
  assertEquals(await ended, "done");
  assertEquals(got, [...TOKENS, { end: "done" }]);
  await cutter.stop();
  // Whoever comes later reads it whole.
  const late = await listen(`${url}/answer/1?since=earliest`);
  assertEquals(await late.data(TOKENS.length + 1), got);
  await late.close();
});

test("a producer and a router share a server, and both end with the engine", async () => {
  const engine = createEngine();
  const router = createRouter(engine);
  const server = await serve((request) =>
    request.url.endsWith("/report")
      ? stream(request, async (out, signal) => {
        await out.write("begun");
        await aborted(signal);
      }, { signal: engine.signal })
      : router.fetch(request)
  );
  const report = await fetch(`${server.url}/report`);
  const listener = await listen(`${server.url}/a`);
  await listener.frame("open");
  await engine.close();
  assertEquals((await listener.frame("close")).code, "shutdown");
  await assertRejects(() => report.text());
  await server.stop();
});
