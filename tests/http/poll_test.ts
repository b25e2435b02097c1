/** PROTOCOL N5: long-polls. */
import { assert, assertEquals } from "@std/assert";
import { manualClock, test, turn } from "../harness.ts";
import {
  type Halley,
  poll,
  problemOf,
  publish,
  start,
  until,
} from "./halley.ts";
import { Raw } from "./sockets.ts";

/** Publishes `numbers` to `a`, one after the other. */
async function numbers({ url }: Halley, ...numbers: number[]): Promise<void> {
  for (const n of numbers) await publish(`${url}/a`, n);
}

function data(answer: { messages: { data: unknown }[] }): unknown[] {
  return answer.messages.map(({ data }) => data);
}

test("a poll without since answers at once with the present (N5)", async () => {
  await using halley = await start();
  await numbers(halley, 1, 2);
  const answer = await poll(`${halley.url}/a`);
  assertEquals(data(answer), []);
  assertEquals(answer.id, halley.engine.node.id);
  assert(!("reset" in answer));
});

test("a poll with since is held until there is something after it (N5)", async () => {
  await using halley = await start();
  const { url, engine } = halley;
  const { id } = await poll(`${url}/a`);
  const held = poll(`${url}/a`, { since: id! });
  await until(() =>
    [...engine.connections.values()].some(({ transport }) => transport)
  );
  await publish(`${url}/other`, "not this");
  await numbers(halley, 1);
  const answer = await held;
  assertEquals(data(answer), [1]);
  assertEquals(answer.id, answer.messages[0]!.id);
});

test("a poll is answered empty after wait, and goes on from its id (N5)", async () => {
  await using halley = await start();
  const { url } = halley;
  const { id } = await poll(`${url}/a`);
  await publish(`${url}/other`, 1);
  const answer = await poll(`${url}/a`, { since: id!, wait: "20" });
  assertEquals(data(answer), []);
  assertEquals(answer.id, halley.engine.node.id);
});

test("a poll waits 25 s unless it says otherwise, by the engine's clock (N5)", async () => {
  const clock = manualClock();
  await using halley = await start({ clock });
  const { url, engine } = halley;
  const { id } = await poll(`${url}/a`);
  const cases = [[{}, 25_000], [{ wait: "60000" }, 60_000]] as const;
  for (const [query, wait] of cases) {
    let answered = false;
    const held = poll(`${url}/a`, { since: id!, ...query })
      .finally(() => answered = true);
    const parked = () =>
      [...engine.connections.values()].some(({ transport }) => transport);
    await until(parked);
    clock.advance(wait - 1);
    await turn();
    assert(parked() && !answered);
    clock.advance(1);
    assertEquals(data(await held), []);
  }
});

test("wait=0 reads what is held, and parks nothing (N5)", async () => {
  await using halley = await start();
  const { url, engine } = halley;
  await numbers(halley, 1, 2, 3);
  const answer = await poll(`${url}/a`, { since: "earliest", wait: "0" });
  assertEquals(data(answer), [1, 2, 3]);
  const none = await poll(`${url}/new`, { since: answer.id!, wait: "0" });
  assertEquals(data(none), []);
  assertEquals(engine.connections.size, 0);
});

test("a poller misses nothing between polls, and gets nothing twice (N5)", async () => {
  await using halley = await start();
  const { url } = halley;
  const channels = "?channel=a&channel=b/*";
  const ask = async (query: Record<string, string>) => {
    const search = new URLSearchParams({ ...query, transport: "poll" });
    return await (await fetch(`${url}${channels}&${search}`)).json();
  };
  for (const keyed of [false, true]) {
    let { id, key } = await ask({});
    const had: unknown[] = [];
    let n = 0;
    for (let round = 0; round < 40; round++) {
      // Between two polls come none, one or several, in one channel or more.
      for (let i = 0; i < round % 4; i++, n++) {
        await publish(`${url}/${n % 3 ? "a" : "b/c"}`, n);
      }
      const query: Record<string, string> = { since: id, wait: "1" };
      if (keyed) query.key = key;
      const answer = await ask(query);
      had.push(...data(answer));
      ({ id, key } = answer);
    }
    assertEquals(had, Array.from({ length: n }, (_, i) => i));
  }
});

test("a poll with since and no key leaves no connection behind (N5)", async () => {
  await using halley = await start();
  const { url, engine } = halley;
  const first = await poll(`${url}/a`);
  assertEquals(engine.connections.size, 1);
  await numbers(halley, 1);
  await poll(`${url}/a`, { since: first.id! });
  assertEquals(engine.connections.size, 1);
  const kept = await poll(`${url}/a`, { since: first.id!, key: first.key });
  assertEquals(kept.connection, first.connection);
  assertEquals(engine.connections.size, 1);
});

test("a poll with its key and no channels keeps those it has (N6)", async () => {
  await using halley = await start();
  const { url } = halley;
  const { id, key } = await poll(`${url}/a`);
  await numbers(halley, 1);
  const answer = await poll(url, { since: id!, key });
  assertEquals(data(answer), [1]);
  const without = await fetch(`${url}?transport=poll&since=${id}`);
  assertEquals((await problemOf(without)).code, "invalid_request");
});

test("a poll's id lies past all that a reset in it covers (N5)", async () => {
  await using halley = await start({ history: { frames: 2 } });
  const { url } = halley;
  const { id } = await poll(`${url}/a`);
  await numbers(halley, 1, 2, 3, 4, 5);
  const answer = await poll(`${url}/a`, { since: id! });
  assertEquals(answer.reset, ["a"]);
  assertEquals(data(answer), [4, 5]);
  await numbers(halley, 6);
  const next = await poll(`${url}/a`, { since: answer.id! });
  assertEquals([next.reset, data(next)], [undefined, [6]]);
});

test("a held poll whose client goes is no longer a connection (N5)", async () => {
  await using halley = await start();
  const { url, port, engine } = halley;
  const { id } = await poll(`${url}/a`);
  engine.drop([...engine.connections.keys()][0]!);
  using raw = await Raw.open(port);
  raw.send(
    `GET /push/a?transport=poll&since=${id} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  );
  await until(() => engine.connections.size === 1);
  raw.close();
  await until(() => engine.connections.size === 0);
});

test("a held poll that another with its key supersedes is told so (N8)", async () => {
  await using halley = await start();
  const { url, engine } = halley;
  const { id, key, connection } = await poll(`${url}/a`);
  const query = `transport=poll&since=${id}&key=${key}`;
  const first = fetch(`${url}/a?${query}`);
  await until(() => engine.connections.get(connection)!.transport);
  const second = fetch(`${url}/a?${query}`);
  const refused = await first;
  assertEquals(refused.status, 409);
  assertEquals((await problemOf(refused)).code, "replaced");
  await numbers(halley, 1);
  assertEquals(data(await (await second).json()), [1]);
});

test("a poll takes at most about 64 KiB at once, and the rest comes next (N5)", async () => {
  await using halley = await start();
  const { url } = halley;
  let { id } = await poll(`${url}/a`);
  for (let n = 0; n < 20; n++) {
    await publish(`${url}/a`, { n, text: "x".repeat(10_000) });
  }
  const had: number[] = [];
  while (had.length < 20) {
    const answer = await poll(`${url}/a`, { since: id! });
    assert(answer.messages.length < 14, `${answer.messages.length} at once`);
    had.push(...answer.messages.map(({ data }) => (data as { n: number }).n));
    id = answer.id;
  }
  assertEquals(had, Array.from({ length: 20 }, (_, n) => n));
});

test("a poll ahead of its node leaves out the id it may not name (N5)", async () => {
  await using halley = await start();
  const { engine, url } = halley;
  await numbers(halley, 1);
  const { id } = await poll(`${url}/a`);
  // Another node of the same order was faster: this one has not seen it yet.
  const { feed } = engine.node;
  const at = feed.applied;
  feed.applied = at - 1;
  const answer = await poll(`${url}/a`, { since: id!, wait: "0" });
  assert(!("id" in answer));
  assertEquals([data(answer), answer.reset], [[], undefined]);
  feed.applied = at;
});
