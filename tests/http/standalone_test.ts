/** The stand-alone server as a process: what it says, heeds and leaves behind. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { networkInterfaces } from "node:os";
import process from "node:process";
import { createEngine } from "../../src/engine.ts";
import { createRouter } from "../../src/router.ts";
import { runtime, serve, startCommand, test } from "../harness.ts";
import { bearer, SECRET } from "../issuer.ts";
import { Child, standalone } from "./child.ts";
import { listen, poll, problemOf, publish, subscribe } from "./halley.ts";
import { read } from "../protocol/comet4j/site.ts";
import { exchange } from "./sockets.ts";

/** How long Bun lets a response be silent unless it is told otherwise: 10 s. */
const SILENCE = 12_000;

/**
 * A silent stream, kept for longer than that. The one real wait of the suite: it
 * goes on while the tests of this file start their processes.
 */
let silent: Promise<unknown[]> | undefined;

async function silentStream(): Promise<unknown[]> {
  const engine = createEngine({ heartbeat: 60_000 });
  const server = await serve(createRouter(engine).fetch);
  const { listener } = await subscribe(`${server.url}/a`);
  await new Promise((resolve) => setTimeout(resolve, SILENCE));
  const [connection] = engine.connections.values();
  const { transport } = connection!;
  await engine.publish("a", "still here");
  const data = await listener.data(1);
  await listener.close();
  await engine.close();
  await server.stop();
  return [transport, ...data];
}

test("curl sees what curl publishes (N1, N7)", async () => {
  silent ??= silentStream();
  await using halley = await standalone();
  await using listener = new Child(["curl", "-sN", `${halley.url}/news`]);
  await listener.says("heartbeat");
  await using publisher = new Child([
    "curl",
    "-s",
    "-d",
    "hello",
    `${halley.url}/news`,
  ]);
  assertEquals(await publisher.exit, 0);
  const { id } = JSON.parse(publisher.output);
  const output = await listener.says("hello");
  assert(
    output.endsWith(
      `id: ${id}\ndata: {"type":"message","channel":"news","id":"${id}","data":"hello"}\n\n`,
    ),
    output,
  );
  await using json = new Child([
    "curl",
    "-sN",
    "-H",
    "accept: application/x-ndjson",
    `${halley.url}/news?since=earliest`,
  ]);
  await json.says("hello");
  assertEquals(json.output.trim().split("\n").length, 2);
});

test("the banner says where it is and that anyone may publish", async () => {
  await using halley = await standalone();
  const said = await halley.child.says("may publish");
  assert(said.includes(`curl -N ${halley.url}/news`), said);
  assert(said.includes("Anyone on this machine may publish."), said);
  const lost = await fetch(`http://127.0.0.1:${halley.port}/lost`);
  const { code, detail } = await problemOf(lost);
  assertEquals(code, "not_found");
  assert(detail.includes("/push/CHANNEL"), detail);
  const page = await fetch(`http://127.0.0.1:${halley.port}/`);
  assert((await page.text()).includes("<title>Halley</title>"));
});

test("a public HOST is refused unless HALLEY_INSECURE=1 says so", async () => {
  for (const host of ["0.0.0.0", "::", "192.0.2.1", "example.com"]) {
    await using refused = new Child(startCommand(), { HOST: host, PORT: "1" });
    assertEquals(await refused.exit, 1, refused.output);
    assertMatch(refused.output, /^halley: HOST is .*HALLEY_INSECURE=1/);
  }
  await using halley = await standalone({
    HOST: "0.0.0.0",
    HALLEY_INSECURE: "1",
  });
  const said = await halley.child.says("MAY PUBLISH");
  assert(said.includes("ANYONE WHO REACHES THIS ADDRESS MAY PUBLISH"), said);
  assertEquals((await publish(`${halley.url}/a`, 1)).status, 200);
});

test("with HALLEY_JWT_SECRET tokens say who may do what, at any HOST", async () => {
  await using halley = await standalone({
    HOST: "0.0.0.0",
    HALLEY_JWT_SECRET: SECRET,
    HALLEY_JWT_AUDIENCE: "push",
  });
  await halley.child.says("Tokens say who may listen and publish.");
  const { url } = halley;
  const claims = { aud: "push", subscribe: "a", publish: "a" };
  const headers = await bearer(claims);
  assertEquals((await publish(`${url}/a`, 1, headers)).status, 200);
  assertEquals((await publish(`${url}/b`, 1, headers)).status, 403);
  assertEquals((await publish(`${url}/a`, 1)).status, 401);
  const other = await bearer({ ...claims, aud: "pull" });
  assertEquals((await publish(`${url}/a`, 1, other)).status, 401);
  const { listener } = await subscribe(`${url}/a?since=earliest`, headers);
  assertEquals(await listener.data(1), [1]);
  await listener.close();
});

test("a variable that is not a number stops the server, by name", async () => {
  for (
    const [name, value] of [
      ["PORT", "65536"],
      ["HALLEY_HEARTBEAT", "soon"],
      ["HALLEY_HEARTBEAT", "1"],
      ["HALLEY_MAX_MESSAGE", "-1"],
      ["HALLEY_LINGER", "1.5"],
    ] as const
  ) {
    await using refused = new Child(startCommand(), { [name]: value });
    assertEquals(await refused.exit, 1, refused.output);
    assert(refused.output.startsWith("halley: "), refused.output);
    assert(!refused.output.includes("    at "), refused.output);
    const option = name.replace("HALLEY_", "").toLowerCase().split("_").at(-1)!;
    assert(refused.output.toLowerCase().includes(option), refused.output);
  }
});

test("HALLEY_ variables are heeded", async () => {
  await using halley = await standalone({
    HALLEY_HEARTBEAT: "1234",
    HALLEY_MAX_MESSAGE: "10",
    HALLEY_MAX_CHANNELS: "2",
    HALLEY_MAX_CONNECTIONS: "2",
    HALLEY_HISTORY_FRAMES: "1",
    HALLEY_ORIGINS: "https://app.example, https://b.example",
    HALLEY_HOSTS: "127.0.0.1,push.example",
  });
  const { url, port } = halley;
  const { listener, open } = await subscribe(`${url}/a`);
  assertEquals(open.heartbeat, 1_234);
  assertEquals((await publish(`${url}/a`, "12345678")).status, 200);
  assertEquals((await publish(`${url}/a`, "123456789")).status, 413);
  assertEquals((await publish(`${url}/a`, 2)).status, 200);
  const kept = await poll(`${url}/a`, { since: "earliest", wait: "0" });
  assertEquals(kept.messages.map(({ data }) => data), [2]);
  const many = await fetch(`${url}?channel=a&channel=b&channel=c`);
  assertEquals((await problemOf(many)).status, 400);
  await poll(`${url}/a`);
  const full = await fetch(`${url}/a?transport=poll`);
  assertEquals((await problemOf(full)).code, "too_many_connections");
  const post = async (host: string, origin: string) => {
    const { status } = await exchange(
      port,
      `POST /push/a HTTP/1.1\r\nHost: ${host}\r\nOrigin: ${origin}\r\n` +
        "Content-Length: 1\r\n\r\nx",
    );
    return status;
  };
  assertEquals(await post("push.example", "https://b.example"), 200);
  assertEquals(await post("push.example", "https://c.example"), 403);
  assertEquals(await post("localhost", "https://b.example"), 403);
  await listener.close();
});

test("a request with a strange Host, or none, is no server error (N8)", async () => {
  await using halley = await standalone();
  for (
    const request of [
      "GET /nothing HTTP/1.1\r\nHost: local host\r\n\r\n",
      "GET /nothing HTTP/1.1\r\nHost: [\r\n\r\n",
      "GET /nothing HTTP/1.1\r\nHost: a:b:c\r\n\r\n",
      "GET /push/a?transport=poll HTTP/1.0\r\n\r\n",
      "GET /nothing HTTP/1.0\r\n\r\n",
    ]
  ) {
    const { status, body } = await exchange(halley.port, request);
    assert(status < 500, `${JSON.stringify(request)} ${status} ${body}`);
  }
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} tells every stream when to come back, and ends the process`, async () => {
    await using halley = await standalone();
    const streams = await Promise.all(
      Array.from(
        { length: 5 },
        (_, n) =>
          listen(`${halley.url}/a?transport=${n % 2 ? "stream" : "sse"}`),
      ),
    );
    for (const listener of streams) await listener.frame("open");
    const { id } = await poll(`${halley.url}/a`);
    const held = fetch(`${halley.url}/a?transport=poll&since=${id}`);
    const began = performance.now();
    halley.child.kill(signal);
    const delays = new Set<number>();
    for (const listener of streams) {
      const { code, retry, after } = await listener.frame("close");
      assertEquals([code, retry], ["shutdown", true]);
      delays.add(after);
      assertEquals(await listener.rest(), []);
    }
    assertEquals(delays.size, streams.length);
    assertEquals((await problemOf(await held)).code, "shutdown");
    assertEquals(await halley.child.exit, 0);
    const took = performance.now() - began;
    // Who sends the signal kills 5 s later: this is not a measurement.
    assert(took < 4_000, `${took} ms`);
  });
}

test("only this machine publishes through deno serve with a foreign --host", async () => {
  const address = Object.values(networkInterfaces()).flat()
    .find((each) => each && !each.internal && each.family === "IPv4")?.address;
  if (runtime !== "deno" || address === undefined) return;
  const main = startCommand().at(-1)!.replace("start.ts", "main.ts");
  await using halley = await standalone({}, (port) => [
    process.execPath,
    "serve",
    "-A",
    "--host=0.0.0.0",
    `--port=${port}`,
    main,
  ]);
  assertEquals((await publish(`${halley.url}/a`, 1)).status, 200);
  const outside = `http://${address}:${halley.port}/push/a`;
  for (const response of [await publish(outside, 2), await fetch(outside)]) {
    assertEquals((await problemOf(response)).code, "forbidden");
  }
  const { id } = await poll(`${halley.url}/a`);
  assert(id!.endsWith("-1"), id);
});

test("a port that is taken stops the server with a reason", async () => {
  await using first = await standalone();
  await using second = new Child(startCommand(), { PORT: String(first.port) });
  assert(await second.exit !== 0, second.output);
  assertMatch(second.output, /in use/i);
});

test("clients of Comet4J are served at /conn, on HALLEY_CHANNELS", async () => {
  await using halley = await standalone({ HALLEY_CHANNELS: "talker,b" });
  const origin = `http://127.0.0.1:${halley.port}`;
  const conn = await fetch(`${origin}/conn?cmd=conn&cv=0.1.7`);
  const cookie = conn.headers.get("set-cookie")!.split(";")[0]!;
  const { data } = read(await conn.text());
  assertEquals(data.channels, ["talker", "b"]);
  assertEquals((await publish(`${halley.url}/b`, 1)).status, 200);
  const url = `${origin}/conn?cmd=revival&cid=${data.cId}`;
  const answer = await fetch(url, { headers: { cookie } });
  assertEquals(read(await answer.text()).data, 1);
});

test("a channel that Comet4J cannot have is said at start", async () => {
  const env = { HALLEY_CHANNELS: "hello,stop" };
  await using child = new Child(startCommand(), env);
  assertEquals(await child.exit, 1);
  assertMatch(child.output, /^halley: channels: stop: /);
});

test("a stream outlives a silence that is longer than Bun's own limit", async () => {
  assertEquals(await (silent ??= silentStream()), ["sse", "still here"]);
});
