/** The stand-alone server as its operators see it: probes, metrics, logs, its end. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { test } from "../harness.ts";
import { standalone } from "./child.ts";
import { listen, publish, subscribe } from "./halley.ts";
import { Raw } from "./sockets.ts";

/** What it said, without the line that Bun itself says. */
function lines(output: string): string[] {
  const all = output.trim().split("\n");
  return all.filter((line) => line && !line.startsWith("Started server"));
}

test("/healthz, /readyz and /metrics answer beside the channels", async () => {
  await using halley = await standalone();
  const { listener } = await subscribe(`${halley.url}/a`);
  const origin = halley.url.replace("/push", "");
  const read = async (path: string) => {
    const response = await fetch(origin + path);
    assertEquals(response.status, 200);
    return await response.text();
  };
  assertEquals(await read("/healthz"), "alive\n");
  assertEquals(await read("/readyz"), "ready\n");
  const metrics = await read("/metrics");
  assertMatch(metrics, /^halley_connections{transport="sse"} 1$/m);
  await listener.close();
});

test("HALLEY_LOG has events as lines of JSON, without what is published", async () => {
  await using halley = await standalone({ HALLEY_LOG: "debug" });
  const { listener, open } = await subscribe(`${halley.url}/a`);
  await publish(`${halley.url}/a`, "a payload");
  await fetch(`${halley.url}/a*b`).then((response) => response.body?.cancel());
  await listener.data(1);
  await listener.close();
  const output = await halley.child.says('"event":"away"');
  const entries = lines(output).map((line) => JSON.parse(line));
  const events = entries.map(({ event }) => event);
  for (const event of ["listen", "order", "connect", "refuse", "away"]) {
    assert(events.includes(event), `${events}`);
  }
  const { port } = entries.find(({ event }) => event === "listen")!;
  assertEquals(port, halley.port);
  assert(entries.every(({ time }) => !Number.isNaN(Date.parse(time))));
  for (const secret of ["a payload", open.key]) {
    assert(!output.includes(secret), output);
  }
});

test("HALLEY_LOG=warn says nothing of what is as it should be", async () => {
  await using halley = await standalone({ HALLEY_LOG: "warn" });
  const { listener } = await subscribe(`${halley.url}/a`);
  await listener.close();
  halley.child.kill("SIGTERM");
  assertEquals(await halley.child.exit, 0);
  assertEquals(lines(halley.child.output), []);
});

test("SIGTERM ends it within HALLEY_DRAIN and a second, though a client reads nothing", async () => {
  await using halley = await standalone({ HALLEY_DRAIN: "1000" });
  using stalled = await Raw.open(halley.port);
  stalled.send("GET /push/a HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await stalled.until(() => stalled.text.includes('"open"'));
  stalled.socket.pause();
  // More than the kernel takes on its own.
  for (let n = 0; n < 40; n++) {
    await publish(`${halley.url}/a`, "x".repeat(250_000));
  }
  const { listener } = await subscribe(`${halley.url}/b`);
  const began = performance.now();
  halley.child.kill("SIGTERM");
  assertEquals((await listener.frame("close")).code, "shutdown");
  const newcomer = await listen(`${halley.url}/b`);
  assertEquals((await newcomer.frame("close")).code, "shutdown");
  assertEquals(await halley.child.exit, 0);
  const took = performance.now() - began;
  // Beside the two there is time for a machine that is busy; a stalled
  // socket that is waited for would hold it for ever.
  assert(took < 6_000, `${took} ms`);
});
