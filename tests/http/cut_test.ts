/**
 * PROTOCOL N3, N4, N6: a bare `EventSource`, cut off at every byte, misses nothing
 * and gets nothing twice.
 */
import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { EventSource } from "npm:eventsource@^5.1.0";
import type { Engine } from "../../src/engine.ts";
import { test } from "../harness.ts";
import { EventReader } from "./events.ts";
import { checked, poll, start } from "./halley.ts";
import { bodyOf, proxy, Raw } from "./sockets.ts";

/** How far into the answer the cuts reach, in bytes. */
const CUTS = 4_000;
const CHANNELS = ["a", "b/c", "b/d", "é", "five"];
const QUERY = CHANNELS.map((name) => `channel=${encodeURIComponent(name)}`)
  .join("&");

/** Data whose bytes are easily cut in two: several bytes a character, escapes. */
function dataOf(n: number): { n: number; text: string } {
  return { n, text: `é…😀 \n\r${"x".repeat(n % 50)}` };
}

/** Publishes to the five channels in turn; the last number given. */
function publisher(engine: Engine): (upTo: number) => Promise<void> {
  let published = 0;
  return async (upTo) => {
    while (published < upTo) {
      const n = ++published;
      await engine.publish(CHANNELS[n % CHANNELS.length]!, dataOf(n));
    }
  };
}

test("an EventSource that is cut off at every byte gets every message once and in order (N6)", async () => {
  // A bare EventSource cannot reclaim its connection: those it leaves shall go.
  await using halley = await start({ linger: 0 });
  const publish = publisher(halley.engine);
  let length = 0;
  const cutter = await proxy(halley.port, () => length);
  let lastEventId = (await poll(`${halley.url}/a`)).id!;
  let had = 0;
  for (length = 1; length <= CUTS; length++) {
    // Some of it lies in the logs, some comes while the answer is open, and in
    // all there is more than is let through: a message takes over 100 bytes.
    await publish(had + CUTS / 200);
    using raw = await Raw.open(cutter.port);
    raw.send(
      `GET /push?${QUERY} HTTP/1.1\r\nHost: localhost\r\n` +
        `Last-Event-ID: ${lastEventId}\r\n\r\n`,
    );
    await Promise.all([raw.end(), publish(had + CUTS / 100)]);
    assertEquals(raw.bytes.length, length);
    const reader = new EventReader(lastEventId);
    for (const event of reader.read(bodyOf(raw.bytes))) {
      if (event.type !== "message") continue;
      assertEquals(checked(event.data).type, "message");
      const { data } = JSON.parse(event.data);
      assertEquals(data, dataOf(++had), `cut after ${length} bytes`);
    }
    lastEventId = reader.lastEventId;
  }
  assert(had > CUTS, `only ${had} messages came through`);
  await cutter.stop();
});

test("the npm EventSource, cut off again and again, gets every message once and in order (N6)", async () => {
  await using halley = await start({ linger: 0 });
  const publish = publisher(halley.engine);
  // The first answer is cut by hand, once its `retry:` has been seen.
  const lengths = [
    Infinity,
    ...Array.from({ length: 60 }, (_, i) => 1 + i * 47),
  ];
  let cuts = 0;
  let last = 0;
  const cutter = await proxy(
    halley.port,
    () => {
      const length = lengths[cuts++] ?? Infinity;
      void publish(last += CUTS / 100);
      return length;
    },
    // It would come back after a second or more: not worth waiting for here.
    (bytes) =>
      Uint8Array.from(
        Buffer.from(bytes).toString("latin1")
          .replace(/^retry: [0-9]{4}$/m, "retry: 0001"),
        (character) => character.charCodeAt(0),
      ),
  );
  const numbers: number[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const source = new EventSource(
    `http://127.0.0.1:${cutter.port}/push?${QUERY}&since=earliest`,
  );
  source.addEventListener("control", () => cutter.cut(), { once: true });
  source.onmessage = ({ data, lastEventId }) => {
    const frame = JSON.parse(data);
    assertEquals(frame.id, lastEventId);
    numbers.push(frame.data.n);
    if (cuts > lengths.length && frame.data.n === last) resolve();
  };
  await promise;
  assertEquals(numbers, Array.from({ length: last }, (_, i) => i + 1));
  source.close();
  await cutter.stop();
});
