/** PROTOCOL N4: a client that stops reading is closed, and loses nothing. */
import { assert, assertEquals } from "@std/assert";
import type { Connection } from "../../src/connection.ts";
import { manualClock, test, turn } from "../harness.ts";
import {
  type Halley,
  listen,
  type Listener,
  start,
  subscribe,
  until,
} from "./halley.ts";
import { EventReader } from "./events.ts";
import { bodyOf, Raw } from "./sockets.ts";

const WRITE_TIMEOUT = 5_000;
const TEXT = "x".repeat(100_000);

/** Room for all that the sockets in between swallow, and more. */
const options = {
  writeTimeout: WRITE_TIMEOUT,
  linger: 60_000,
  history: { bytes: 100_000_000, frames: 10_000 },
};

/** A client that has read its `open`, and reads no more. */
async function stall({ port, engine }: Halley): Promise<{
  raw: Raw;
  connection: Connection;
}> {
  const raw = await Raw.open(port);
  raw.send(
    "GET /push/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
  );
  await raw.until(() => raw.text.includes("heartbeat"));
  raw.socket.pause();
  const [, id] = /"connection":"([^"]*)"/.exec(raw.text)!;
  return { raw, connection: engine.connections.get(id!)! };
}

/** Publishes until `connection` lags; the number of messages. */
async function fill(
  { engine }: Halley,
  connection: Connection,
): Promise<number> {
  for (let lagging = 0; lagging < 20;) {
    await engine.publish("a", { n: engine.node.applied + 1, text: TEXT });
    await turn();
    await turn();
    lagging = connection.sent < engine.node.applied ? lagging + 1 : 0;
  }
  return engine.node.applied;
}

function numbersOf(data: { n: number }[]): number[] {
  return data.map(({ n }) => n);
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, n) => from + n);
}

test("a client that stops reading is closed as slow, and others are unaffected (N4)", async () => {
  const clock = manualClock();
  await using halley = await start({ ...options, clock });
  const { url, engine } = halley;
  const { listener } = await subscribe(`${url}/a`);
  const others = listener.data(1);
  const { raw, connection } = await stall(halley);
  using _ = raw;
  let latest = 0;
  const reading: Promise<unknown[]> = (async () => {
    const data = await others;
    for (;;) {
      data.push(...await listener.data(1));
      const { n } = data.at(-1) as { n: number };
      if (n < 0) return data;
      latest = n;
    }
  })();
  const published = await fill(halley, connection);
  // The clock is about to jump: the other has read everything, and has room.
  await until(() => latest >= published);
  for (let i = 0; i < 10; i++) await turn();

  engine.sweep(clock.now() + WRITE_TIMEOUT - 1);
  assertEquals([connection.transport, engine.node.stalled], ["sse", 0]);
  engine.sweep(clock.now() + WRITE_TIMEOUT);
  assertEquals([connection.transport, engine.node.stalled], [undefined, 1]);
  // It is away: it may come back, and others are served.
  assert(engine.connections.has(connection.id));
  await engine.publish("a", { n: -1 });
  const seen = numbersOf(await reading as { n: number }[]);
  assertEquals(seen, [...range(1, published), -1]);
  assertEquals(engine.node.stalled, 1);

  // It reads on: all that was written, and why that is all.
  raw.socket.resume();
  await raw.end();
  await until(() => engine.node.stalled === 0);
  const reader = new EventReader();
  const events = reader.read(bodyOf(raw.bytes));
  const had = events.filter(({ type }) => type === "message")
    .map(({ data }) => JSON.parse(data).data);
  assertEquals(numbersOf(had), range(1, had.length));
  assert(had.length < published);
  assertEquals(JSON.parse(events.at(-1)!.data), {
    type: "close",
    code: "slow",
    retry: true,
  });

  // It comes back, and gets the rest from the log.
  const again = await listen(`${url}/a`, {
    "last-event-id": reader.lastEventId,
    "push-key": connection.key,
  });
  const rest = await again.data(published - had.length + 1) as { n: number }[];
  assertEquals(numbersOf(rest), [...range(had.length + 1, published), -1]);
  assertEquals(connection.transport, "sse");
  await again.close();
  await listener.close();
});

test("a stalled response counts until its socket is gone (N4)", async () => {
  const clock = manualClock();
  await using halley = await start({
    ...options,
    clock,
    limits: { connections: 2 },
  });
  const { engine, url } = halley;
  const { raw, connection } = await stall(halley);
  await fill(halley, connection);
  engine.sweep(clock.now() + WRITE_TIMEOUT);
  assertEquals([engine.node.stalled, engine.connections.size], [1, 1]);
  // The connection and its dead response: there is no room for a third.
  const refused = await fetch(`${url}/a?transport=poll`);
  assertEquals(refused.status, 503);
  await refused.body?.cancel();
  raw.close();
  await until(() => engine.node.stalled === 0);
  const { listener } = await subscribe(`${url}/a`);
  await listener.close();
});

for (const end of ["replaced", "kicked", "token_expired", "shutdown"]) {
  test(`a response without room counts until its socket is gone, ended as ${end} too (N4)`, async () => {
    const clock = manualClock();
    const expires = clock.now() + 1_000;
    await using halley = await start({
      ...options,
      clock,
      policy: {
        identify: () => ({ subject: "ann", expires }),
        allow: () => true,
      },
    });
    const { engine, url } = halley;
    const { raw, connection } = await stall(halley);
    await fill(halley, connection);
    let listener: Listener | undefined;
    if (end === "kicked") engine.drop(connection.id);
    if (end === "token_expired") clock.advance(1_000);
    if (end === "shutdown") engine.close();
    if (end === "replaced") {
      listener = await listen(`${url}/a`, { "push-key": connection.key });
      await listener.frame("open");
    }
    assertEquals(engine.node.stalled, 1);
    if (end === "kicked") {
      // It reads on: that is told last, and all that was.
      raw.socket.resume();
      await raw.end();
      assert(raw.text.includes(`"code":"${end}"`));
    } else raw.close();
    await until(() => engine.node.stalled === 0);
    await listener?.close();
  });
}

test("a slow client that stays away is dropped as slow (N4)", async () => {
  const clock = manualClock();
  await using halley = await start({ ...options, clock });
  const { engine } = halley;
  const reasons: string[] = [];
  engine.on("drop", (_, reason) => reasons.push(reason));
  const { raw, connection } = await stall(halley);
  await fill(halley, connection);
  engine.sweep(clock.now() + WRITE_TIMEOUT);
  engine.sweep(clock.now() + WRITE_TIMEOUT + options.linger);
  assertEquals(reasons, ["slow"]);
  assertEquals(engine.connections.size, 0);
  raw.close();
  await until(() => engine.node.stalled === 0);
});

test("a client that reads slowly but steadily is never closed (N4)", async () => {
  const clock = manualClock();
  await using halley = await start({ ...options, clock });
  const { engine } = halley;
  const { raw, connection } = await stall(halley);
  using _ = raw;
  const published = await fill(halley, connection);
  for (let ms = 0; connection.sent < published; ms += WRITE_TIMEOUT / 2) {
    const { sent } = connection;
    raw.socket.resume();
    await until(() => connection.sent > sent);
    raw.socket.pause();
    clock.advance(WRITE_TIMEOUT / 2);
    assertEquals([connection.transport, engine.node.stalled], ["sse", 0]);
  }
});
