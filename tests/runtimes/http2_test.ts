/** HTTP/2: several streams and a publish on one connection. */
import { assertEquals } from "@std/assert";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { once } from "node:events";
import { type ClientHttp2Session, connect, constants } from "node:http2";
import { tmpdir } from "node:os";
import { createEngine } from "../../src/engine.ts";
import { sse } from "../../src/frame.ts";
import { createRouter } from "../../src/router.ts";
import { type Handler, runtime, test } from "../harness.ts";
import { Listener } from "../http/halley.ts";

/** A certificate for `localhost`, and its key. */
function certificate(): { key: string; cert: string } {
  const folder = mkdtempSync(`${tmpdir()}/halley-`);
  const [key, cert] = [`${folder}/key.pem`, `${folder}/cert.pem`];
  try {
    execFileSync("openssl", [
      ..."req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256".split(
        " ",
      ),
      ..."-days 1 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
        .split(" "),
      ...["-keyout", key, "-out", cert],
    ], { stdio: "ignore" });
    return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Serves over TLS, with HTTP/2 for those who ask for it. */
function serveTls(
  fetch: Handler,
  { key, cert }: { key: string; cert: string },
): { port: number; stop(): Promise<void> } {
  const address = { port: 0, hostname: "127.0.0.1" };
  if (runtime === "deno") {
    const server = Deno.serve({ ...address, key, cert, onListen() {} }, fetch);
    return { port: server.addr.port, stop: () => server.shutdown() };
  }
  // deno-lint-ignore no-explicit-any
  const { Bun } = globalThis as any;
  const tls = { key, cert };
  const server = Bun.serve({ ...address, tls, http2: true, fetch });
  return { port: server.port, stop: () => server.stop(true) };
}

/** One request on a connection that others share, as `fetch` would make it. */
async function request(
  session: ClientHttp2Session,
  headers: Record<string, string>,
  content?: string,
): Promise<{ response: Response; abort: AbortController }> {
  const stream = session.request(headers, { endStream: !content });
  const abort = new AbortController();
  abort.signal.addEventListener("abort", () => {
    stream.close(constants.NGHTTP2_CANCEL);
  });
  const answered = once(stream, "response");
  const body = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      stream.on("data", (bytes: Uint8Array<ArrayBuffer>) => {
        controller.enqueue(bytes);
      });
      stream.on("error", (error: Error) => controller.error(error));
      stream.on("end", () => abort.signal.aborted || controller.close());
    },
    cancel: () => abort.abort(),
  });
  if (content) stream.end(content);
  const [{ ":status": status, "content-type": type }] = await answered;
  const init = { status, headers: { "content-type": String(type) } };
  return { response: new Response(body, init), abort };
}

async function listen(
  session: ClientHttp2Session,
  path: string,
): Promise<Listener> {
  const { response, abort } = await request(session, { ":path": path });
  return new Listener(response, abort);
}

test("HTTP/2 carries streams and a publish on one connection, and a reset is missed", async () => {
  const tls = certificate();
  const engine = createEngine({ policy: { allow: () => true } });
  const server = serveTls(createRouter(engine).fetch, tls);
  const session = connect(`https://localhost:${server.port}`, { ca: tls.cert });
  await once(session, "connect");
  assertEquals(session.alpnProtocol, "h2");
  const first = await listen(session, "/a");
  const second = await listen(session, "/a?channel=b");
  assertEquals(first.response.headers.get("content-type"), sse.type);
  const { connection } = await first.frame("open");
  await second.frame("open");
  const { response } = await request(session, {
    ":method": "POST",
    ":path": "/a",
    "content-type": "application/json",
  }, '"hello"');
  assertEquals(response.status, 200);
  const { id } = await response.json();
  for (const listener of [first, second]) {
    assertEquals((await listener.frame("message")).id, id);
  }
  const away = Promise.withResolvers<string>();
  engine.on("away", ({ id }) => away.resolve(id));
  await first.close();
  assertEquals(await away.promise, connection);
  // The other stream of the same connection has not noticed.
  await engine.publish("b", "still here");
  assertEquals(await second.data(1), ["still here"]);
  await engine.close();
  assertEquals((await second.frame("close")).code, "shutdown");
  assertEquals(await second.rest(), []);
  session.close();
  await once(session, "close");
  await server.stop();
});
