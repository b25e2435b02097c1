/** PROTOCOL N6: coming back, to the same transport or another. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { test } from "../harness.ts";
import {
  type Halley,
  listen,
  type Listener,
  poll,
  problemOf,
  publish,
  start,
  subscribe,
  until,
} from "./halley.ts";

/** Publishes the numbers from `from` up to, but not including, `to`. */
async function numbers(
  { url }: Halley,
  from: number,
  to: number,
): Promise<void> {
  for (let n = from; n < to; n++) {
    await publish(`${url}/${n % 2 ? "a" : "b"}`, n);
  }
}

function range(to: number): number[] {
  return Array.from({ length: to }, (_, n) => n);
}

/** Whether a connection's response has ended. */
function isAway({ engine }: Halley, id: string): boolean {
  return engine.connections.get(id)?.sink === undefined;
}

test("Last-Event-ID goes before since, and earliest is all that is held (N6)", async () => {
  await using halley = await start();
  const { url } = halley;
  const ids: string[] = [];
  for (let n = 0; n < 4; n++) {
    ids.push((await (await publish(`${url}/a`, n)).json()).id);
  }
  const cases: [query: string, header: string, data: number[]][] = [
    ["", ids[1]!, [2, 3]],
    [`?since=${ids[0]}`, "", [1, 2, 3]],
    [`?since=${ids[0]}`, ids[2]!, [3]],
    ["?since=earliest", "", [0, 1, 2, 3]],
    ["?since=earliest", ids[2]!, [3]],
  ];
  for (const [query, header, data] of cases) {
    const headers: Record<string, string> = header
      ? { "last-event-id": header }
      : {};
    await using listener = await listen(`${url}/a${query}`, headers);
    assertEquals(await listener.data(data.length), data, query);
  }
});

test("a client that moves from stream to poll and back misses nothing and doubles nothing (N6)", async () => {
  await using halley = await start();
  const { url } = halley;
  const query = "?channel=a&channel=b";
  let listener = await listen(`${url}${query}`);
  const { connection, key } = await listener.frame("open");
  const had: unknown[] = [];
  let published = 0;
  let since = "";
  const send = async (count: number) => {
    await numbers(halley, published, published += count);
  };
  for (let round = 0; round < 20; round++) {
    await send(3);
    for (let i = 0; i < 3; i++) {
      const { id, data } = await listener.frame("message");
      had.push(data);
      since = id;
    }
    // Written, and perhaps on the way, but not read: the cursor does not say so.
    await send(2);
    await listener.close();
    await send(2);
    for (let polls = 0; polls < 2; polls++) {
      const answer = await poll(`${url}`, { since, key, wait: "0" });
      assertEquals(answer.connection, connection);
      had.push(...answer.messages.map(({ data }) => data));
      since = answer.id!;
      await send(1);
    }
    const transport = round % 2 ? "sse" : "stream";
    listener = await listen(
      `${url}?since=${since}&key=${key}&transport=${transport}`,
    );
    const open = await listener.frame("open");
    assertEquals([open.connection, open.id], [connection, since]);
    had.push(...await listener.data(1));
  }
  assertEquals(had, range(had.length));
  assertEquals(had.length, published);
  assertEquals(halley.engine.connections.size, 1);
  await listener.close();
});

test("open carries the client's own id after a resume, not the present (N4)", async () => {
  await using halley = await start();
  const { url } = halley;
  const { id } = await poll(`${url}/a`);
  await numbers(halley, 0, 10);
  const { listener, open } = await subscribe(`${url}/a`, {
    "last-event-id": id!,
  });
  assertEquals(open.id, id);
  assertEquals(await listener.data(5), [1, 3, 5, 7, 9]);
  await listener.close();
});

test("a key reclaims its connection, with what was sent to it meanwhile (N6)", async () => {
  await using halley = await start();
  const { url } = halley;
  const { listener, open } = await subscribe(`${url}/a`);
  await listener.close();
  await until(() => isAway(halley, open.connection));
  await publish(`${url}/mail?to=${open.connection}`, "while away");
  const again = await subscribe(url, {
    "push-key": open.key,
    "last-event-id": open.id,
  });
  assertEquals(again.open.connection, open.connection);
  assertEquals(again.open.key, open.key);
  assertEquals(await again.listener.data(1), ["while away"]);
  await again.listener.close();
});

test("channels named at a resume replace those it had (N6)", async () => {
  await using halley = await start();
  const { url, engine } = halley;
  const { listener, open } = await subscribe(`${url}?channel=a&channel=b`);
  await listener.close();
  const again = await subscribe(`${url}?channel=b&channel=c`, {
    "push-key": open.key,
  });
  const { channels } = engine.connections.get(open.connection)!;
  assertEquals(channels.sort(), ["b", "c"]);
  await again.listener.close();
});

test("a stream that another with its key supersedes closes as replaced (N4)", async () => {
  await using halley = await start();
  const { url, engine } = halley;
  const first = await subscribe(`${url}/a`);
  const second = await subscribe(`${url}/a`, {
    "push-key": first.open.key,
    "last-event-id": first.open.id,
  });
  const rest = await first.listener.rest();
  assertEquals(rest.map(({ frame }) => frame), [
    { type: "close", code: "replaced", retry: true },
  ]);
  await publish(`${url}/a`, 1);
  assertEquals(await second.listener.data(1), [1]);
  assertEquals(engine.connections.size, 1);
  await second.listener.close();
});

test("a reset comes before what is left, and without an id (N4)", async () => {
  await using halley = await start();
  const { url, engine } = halley;
  engine.channel("b", { history: { frames: 1 } });
  const { id } = await poll(`${url}/a`);
  await numbers(halley, 0, 10);
  const listener = await listen(`${url}?channel=a&channel=b&since=${id}`);
  assertEquals((await listener.frame("open")).id, id);
  const reset = await listener.next();
  assertEquals(reset!.frame, { type: "reset", channel: "b" });
  assertEquals(reset!.lastEventId, id);
  assertEquals(await listener.data(6), [1, 3, 5, 7, 8, 9]);
  await listener.close();
});

test("a client cut off between reset and message is told again (N4)", async () => {
  await using halley = await start({ history: { frames: 2 } });
  const { url } = halley;
  const { id } = await poll(`${url}/a`);
  await numbers(halley, 0, 10);
  for (let i = 0; i < 3; i++) {
    const listener = await listen(`${url}/a`, { "last-event-id": id! });
    assertEquals((await listener.frame("reset")).channel, "a");
    const next = await listener.next();
    assertEquals(next!.frame.data, 7);
    await listener.close();
  }
});

test("an id of another order, or of no order, is a reset for all, never a 400 (N6)", async () => {
  await using halley = await start();
  const { url, engine } = halley;
  await publish(`${url}/a`, 1);
  const { epoch } = engine.node;
  for (
    const id of [
      "other-1",
      "-",
      "x",
      "1",
      "-1",
      `${epoch}-99`,
      `${epoch}--1`,
      `${epoch}-01`,
      `${epoch}-1.5`,
      `${epoch}-1e3`,
      `${epoch}-NaN`,
      `${epoch}-9999999999999999`,
      `${epoch.toLowerCase()}!-1`,
      "é-1",
      "null",
      "undefined",
      "[object Object]",
    ]
  ) {
    const answer = await poll(`${url}/a`, { since: id, wait: "0" });
    assertEquals([answer.reset, answer.messages], [true, []], id);
    assertEquals(answer.id, engine.node.id);
    const listener: Listener = await listen(
      `${url}/a?since=${encodeURIComponent(id)}`,
    );
    assert(!("id" in await listener.frame("open")), id);
    assertEquals(await listener.frame("reset"), {
      type: "reset",
      id: engine.node.id,
    });
    await listener.close();
  }
});

test("another key, or none, is another connection (N6)", async () => {
  await using halley = await start();
  const { url } = halley;
  const first = await subscribe(`${url}/a`);
  const second = await subscribe(`${url}/a`);
  const guessed = "A".repeat(24);
  const third = await subscribe(`${url}/a`, { "push-key": guessed });
  assertNotEquals(first.open.connection, second.open.connection);
  assertNotEquals(first.open.connection, third.open.connection);
  assertEquals(third.open.key, guessed);
  const refused = await fetch(`${url}/a?key=too-short`);
  assertEquals((await problemOf(refused)).code, "invalid_request");
  for (const { listener } of [first, second, third]) await listener.close();
});

test("earliest with a key and no names is all that is held of the channels it has (N6.2)", async () => {
  await using halley = await start();
  const { url, engine } = halley;
  await engine.publish("a", 1);
  await engine.publish("b", 2);
  const { key } = await poll(`${url}/a`);
  const { messages } = await poll(url, { key, since: "earliest", wait: "0" });
  assertEquals(messages.map(({ data }) => data), [1]);
});
