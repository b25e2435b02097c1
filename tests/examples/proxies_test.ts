/** The proxy settings of the examples, tried with the real programs. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { standalone } from "../http/child.ts";
import { listen, poll, publish, subscribe } from "../http/halley.ts";
import { Raw } from "../http/sockets.ts";
import { command, type Runtime, RUNTIMES, test, until } from "../outside.ts";
import { Folder } from "../runtimes/programs.ts";
import { readExample, serve } from "./examples.ts";
import { Proxy } from "./proxies.ts";

function server(runtime: Runtime, env: Record<string, string> = {}) {
  const file = runtime === "deno" ? "src/start.ts" : "src/main.ts";
  return standalone(env, () => command(runtime, file));
}

/** How many are parked or away on the server at `port`. */
async function connections(port: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  const text = await response.text();
  return [...text.matchAll(/^halley_connections{.*"} ([0-9]+)$/gm)]
    .reduce((sum, [, number]) => sum + Number(number), 0);
}

/** What has to work through any proxy. */
async function works(url: string): Promise<void> {
  const sse = await subscribe(`${url}/a`);
  // As Halley's client asks: its base is the whole path.
  const lines = await subscribe(`${url}?channel=a&transport=stream`);
  const { id: start } = await poll(`${url}/a`);
  const held = poll(`${url}/a`, { since: start!, wait: "20000" });
  for (let n = 1; n <= 3; n++) {
    const response = await publish(`${url}/a`, n);
    assertEquals(response.status, 200);
    // Each comes by itself: nothing on the way waits for more.
    assertEquals(await sse.listener.data(1), [n]);
    assertEquals(await lines.listener.data(1), [n]);
  }
  assertEquals((await held).messages[0]!.data, 1);
  const headers = { "last-event-id": start! };
  const again = await listen(`${url}/a`, headers);
  assertEquals(await again.data(3), [1, 2, 3]);
  for (const { listener } of [sse, lines, { listener: again }]) {
    await listener.close();
  }
}

/** What a browser is told while no server is there: to come back. */
async function comesBack(url: string): Promise<void> {
  const headers = { accept: "text/event-stream" };
  const response = await fetch(`${url}/push/a`, { headers });
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  assertMatch(await response.text(), /^retry: [1-4][0-9]{3}\n\n$/);
  const other = await fetch(`${url}/push/a?transport=poll`);
  await other.body?.cancel();
  assertEquals(other.status, 503);
}

/** Nothing but `/push` is passed on, however its path is written. */
async function isClosed(url: string): Promise<void> {
  const port = Number(new URL(url).port);
  const others = ["/metrics", "/readyz", "/healthz", "/", "/pushed"];
  const ways = ["../", "%2e%2e/", ".%2E/", "..\\", "x/../../", "./../"];
  const paths = ways.map((way) => `/push/${way}metrics`);
  for (const path of [...others, ...paths, "/push\\..\\metrics"]) {
    const text = `GET ${path} HTTP/1.1\r\nHost: localhost\r\n` +
      "Connection: close\r\n\r\n";
    using raw = await Raw.open(port);
    raw.send(text);
    await raw.until(() => raw.text.includes("\r\n"));
    assertMatch(raw.text, /^HTTP\/1\.1 40[04] /, path);
  }
}

/** A server that takes one connection from each address. */
const ONE = {
  HALLEY_LINGER: "0",
  HALLEY_ADDRESS_CONNECTIONS: "1",
  HALLEY_PROXY_HEADER: "x-forwarded-for",
};

/** Nobody is another one by writing the proxy's header. */
async function knowsAddresses(url: string): Promise<void> {
  const first = await subscribe(`${url}/a`);
  for (const name of ["x-forwarded-for", "X-FORWARDED-FOR"]) {
    const { frame } = (await (await listen(`${url}/a`, { [name]: "192.0.2.1" }))
      .next())!;
    assertEquals([frame.type, frame.code], ["close", "too_many_requests"]);
  }
  await first.listener.close();
}

test("the proxies say where a client is, and nothing that it says itself", async () => {
  await using halley = await server("bun", ONE);
  await using nginx = await Proxy.nginx(halley.port);
  await knowsAddresses(`${nginx.url}/push`);
  await using other = await server("bun", ONE);
  await using haproxy = await Proxy.haproxy(other.port, 1);
  await knowsAddresses(`${haproxy.url}/push`);
});

for (
  const [runtime, file] of [
    ["bun", "bun/server.ts"],
    ["deno", "deno_deploy.ts"],
  ] as const
) {
  test(`examples/${file} works behind every proxy`, async () => {
    await using folder = new Folder();
    const env = { KV_PATH: ":memory:", DRAIN: "0" };
    await using halley = await serve(folder, runtime, file, "/readyz", env);
    const port = Number(new URL(halley.url).port);
    await until(async () => {
      const { status, body } = await fetch(`${halley.url}/readyz`);
      await body?.cancel();
      return status === 200;
    });
    await using nginx = await Proxy.nginx(port);
    await using haproxy = await Proxy.haproxy(port, 1);
    for (const { url } of [nginx, haproxy]) {
      const { listener } = await subscribe(`${url}/push?channel=time`);
      await listener.close();
      await isClosed(url);
      assertEquals((await publish(`${url}/push/time`, 1)).status, 401);
    }
  });
}

test("examples/proxy/Caddyfile passes on the base path, and answers for a server that is away", () => {
  const text = readExample("proxy/Caddyfile");
  assertMatch(text, /^\t\tpath \/push \/push\/\*$/m);
  assertMatch(text, /^\thandle_errors 502 503 504 \{$/m);
  assertMatch(text, /respond `retry: [1-4][0-9]{3}\n\n` 200/);
  return Promise.resolve();
});

for (const runtime of RUNTIMES) {
  test(`examples/proxy/nginx.conf: every transport of a ${runtime} server comes through`, async () => {
    await using halley = await server(runtime, { HALLEY_LINGER: "0" });
    await using nginx = await Proxy.nginx(halley.port);
    await works(`${nginx.url}/push`);
    // Whoever has gone is gone behind the proxy too.
    await until(async () => await connections(halley.port) === 0);
    await isClosed(nginx.url);
    halley.child.kill("SIGKILL");
    await halley.child.exit;
    await comesBack(nginx.url);
  });

  test(`examples/proxy/haproxy.cfg: every transport of a ${runtime} server comes through`, async () => {
    await using a = await server(runtime, { HALLEY_LINGER: "0" });
    await using haproxy = await Proxy.haproxy(a.port, 1);
    await works(`${haproxy.url}/push`);
    await until(async () => await connections(a.port) === 0);
    await isClosed(haproxy.url);
    a.child.kill("SIGKILL");
    await a.child.exit;
    // Its next look tells HAProxy; until then it tries in vain.
    await until(async () => {
      const { status, body } = await fetch(`${haproxy.url}/push/$presence`, {
        headers: { accept: "text/event-stream" },
      });
      await body?.cancel();
      return status === 200;
    });
    await comesBack(haproxy.url);
  });
}

test("examples/proxy/haproxy.cfg: while one server drains its clients come to the other", async () => {
  const env = { HALLEY_DRAIN: "3000", HALLEY_DOWNTIME: "0" };
  await using a = await server("deno", env);
  await using b = await server("bun", env);
  await using haproxy = await Proxy.haproxy(a.port, b.port);
  const url = `${haproxy.url}/push/a`;
  await until(async () =>
    (await connections(a.port) > 0 && await connections(b.port) > 0) ||
    void await subscribe(url)
  );
  const before = await connections(b.port);
  a.child.kill("SIGTERM");
  // Newcomers find the other one, as soon as the proxy has looked.
  await until(async () => {
    const listener = await listen(url);
    const first = await listener.next();
    const isIn = first?.frame.type === "open";
    if (!isIn) assertEquals(first?.frame.code, "shutdown");
    await listener.close();
    return isIn && await connections(b.port) > before;
  });
  assertEquals(await a.child.exit, 0);
  const { listener } = await subscribe(url);
  assertEquals((await publish(url, "on b")).status, 200);
  assertEquals(await listener.data(1), ["on b"]);
  await listener.close();
});

test("the proxies wait longer than a heartbeat, in every file", () => {
  const heartbeat = 20;
  const files: [file: string, pattern: RegExp][] = [
    ["proxy/nginx.conf", /proxy_read_timeout ([0-9]+)s;/],
    ["proxy/haproxy.cfg", /timeout server ([0-9]+)s/],
    ["proxy/haproxy.cfg", /timeout client ([0-9]+)s/],
  ];
  for (const [file, pattern] of files) {
    const text = readExample(file);
    assertMatch(text, pattern);
    assert(Number(pattern.exec(text)![1]) >= 2 * heartbeat, file);
  }
  return Promise.resolve();
});
