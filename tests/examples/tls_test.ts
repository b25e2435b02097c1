/** HTTPS with HTTP/2: past the six connections of HTTP/1.1. */
import { assert, assertEquals } from "@std/assert";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { type ClientHttp2Session, connect } from "node:http2";
import { pause } from "../harness.ts";
import { Folder, test } from "../runtimes/programs.ts";
import { freePort } from "../port.ts";
import { examples, RUNTIMES } from "./examples.ts";

/** How many streams share a connection: more than twice what HTTP/1.1 has. */
const STREAMS = 14;

/** Makes a certificate for `localhost`, as `cert.pem` and `key.pem`. */
function certify(folder: string): void {
  execFileSync("openssl", [
    ..."req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256".split(
      " ",
    ),
    ..."-days 1 -subj /CN=localhost -addext subjectAltName=DNS:localhost"
      .split(" "),
    ...["-keyout", `${folder}/key.pem`, "-out", `${folder}/cert.pem`],
  ], { stdio: "ignore" });
}

/** Waits for a TLS server. */
async function open(port: number, ca: string): Promise<ClientHttp2Session> {
  for (;;) {
    const session = connect(`https://localhost:${port}`, {
      ca,
      host: "127.0.0.1",
    });
    try {
      await once(session, "connect");
      return session;
    } catch {
      await pause();
    }
  }
}

/** The events of a stream, one after the other. */
async function* events(session: ClientHttp2Session): AsyncGenerator<string> {
  const stream = session.request({ ":path": "/push/time" });
  stream.setEncoding("utf8");
  let text = "";
  for await (const part of stream) {
    text += part;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      yield text.slice(0, end);
      text = text.slice(end + 2);
    }
  }
}

for (const runtime of RUNTIMES) {
  test(`examples/tls.ts on ${runtime}: ${STREAMS} streams on one connection`, async () => {
    await using folder = new Folder();
    certify(folder.path);
    const port = await freePort();
    const command = runtime === "deno"
      ? [Deno.execPath(), "run", "-A", `${examples}tls.ts`]
      : [await folder.tool("bun"), `${examples}tls.ts`];
    const env = { PORT: String(port), HOST: "127.0.0.1" };
    await using program = folder.start(command, env);
    await program.hears("Listening");
    const ca = await Deno.readTextFile(`${folder.path}/cert.pem`);
    const session = await open(port, ca);
    assertEquals(session.alpnProtocol, "h2");
    const streams = Array.from({ length: STREAMS }, () => events(session));
    for (const stream of streams) {
      assert((await stream.next()).value?.includes('"type":"open"'));
    }
    for (const stream of streams) {
      assert((await stream.next()).value?.includes('"channel":"time"'));
    }
    program.kill("SIGTERM");
    const ends = await Promise.all(streams.map(async (stream) => {
      let last = "";
      for await (const event of stream) last = event;
      return last.includes('"code":"shutdown"');
    }));
    assertEquals(ends, Array(STREAMS).fill(true));
    assertEquals(await program.exit, 0, program.output);
    session.destroy();
  });
}
