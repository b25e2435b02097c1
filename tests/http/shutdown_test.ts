/** PROTOCOL N4, N8: what clients are told when a node goes away. */
import { assert, assertEquals } from "@std/assert";
import { manualClock, test } from "../harness.ts";
import {
  listen,
  poll,
  problemOf,
  publish,
  start,
  subscribe,
  until,
} from "./halley.ts";

test("close() tells every stream when to come back, one after the other (N4)", async () => {
  await using halley = await start();
  const streams = await Promise.all(
    Array.from(
      { length: 9 },
      (_, n) =>
        subscribe(`${halley.url}/a?transport=${n % 2 ? "sse" : "stream"}`),
    ),
  );
  await halley.engine.close();
  const delays: number[] = [];
  for (const [n, { listener }] of streams.entries()) {
    const rest = await listener.rest();
    assertEquals(rest.length, 1);
    const { frame } = rest[0]!;
    assertEquals([frame.type, frame.code, frame.retry], [
      "close",
      "shutdown",
      true,
    ]);
    if (n % 2) assertEquals(listener.retry, frame.after);
    delays.push(frame.after);
  }
  // In steps, so that frames can be shared (N10).
  const steps = delays.sort((a, b) => a - b);
  assertEquals(steps, [500, 750, 1000, 1250, 1500, 1750, 2000, 2250, 2500]);
});

test("close() writes what was published before it, then the close (N4)", async () => {
  await using halley = await start();
  const { listener } = await subscribe(`${halley.url}/a`);
  const published = halley.engine.publish("a", "last words");
  await halley.engine.close();
  await published;
  const rest = await listener.rest();
  assertEquals(rest.map(({ frame }) => frame.data ?? frame.code), [
    "last words",
    "shutdown",
  ]);
});

test("close() answers held polls with 503 and when to come back (N8)", async () => {
  await using halley = await start();
  const { url, engine } = halley;
  const { id, key, connection } = await poll(`${url}/a`);
  const held = fetch(`${url}/a?transport=poll&since=${id}&key=${key}`);
  await until(() => engine.connections.get(connection)!.transport);
  await engine.close();
  const response = await held;
  assert(Number(response.headers.get("retry-after")) >= 1);
  const problem = await problemOf(response);
  assertEquals([problem.status, problem.code], [503, "shutdown"]);
});

test("while a node goes away, who has a connection comes back to it until its turn (N8)", async () => {
  const clock = manualClock();
  await using halley = await start({ clock });
  const { url, engine } = halley;
  // The first to come is ended at once, the second after half of the time.
  const first = await poll(`${url}/a`);
  let { id, key } = await poll(`${url}/a`);
  const closing = engine.close({ over: 60_000 });
  clock.advance(20_000);
  for (let n = 0; n < 3; n++) {
    await engine.publish("a", n);
    const answer = await poll(`${url}/a`, { since: id!, key });
    assertEquals(answer.messages.map(({ data }) => data), [n]);
    ({ id, key } = answer);
  }
  const gone = fetch(`${url}/a?transport=poll&key=${first.key}`);
  assertEquals((await problemOf(await gone)).code, "shutdown");
  const newcomer = fetch(`${url}/a?transport=poll`);
  assertEquals((await problemOf(await newcomer)).code, "shutdown");
  const held = fetch(`${url}/a?transport=poll&since=${id}&key=${key}`);
  await until(() => [...engine.connections.values()].some(({ sink }) => sink));
  clock.advance(30_000);
  await closing;
  assertEquals((await problemOf(await held)).code, "shutdown");
});

test("a closed engine refuses what comes (N8)", async () => {
  await using halley = await start();
  const { url, engine } = halley;
  await engine.close();
  const post = await publish(`${url}/a`, 1);
  assert(Number(post.headers.get("retry-after")) >= 1);
  assertEquals((await problemOf(post)).code, "shutdown");
  const read = await fetch(`${url}/a?transport=poll`);
  assertEquals((await problemOf(read)).code, "shutdown");
  const listener = await listen(`${url}/a`);
  assertEquals((await listener.rest()).map(({ frame }) => frame.code), [
    "shutdown",
  ]);
  assertEquals(engine.connections.size, 0);
});

test("a client that comes to the next node after a shutdown is told of the gap (N6)", async () => {
  const first = await start();
  const { listener } = await subscribe(`${first.url}/a`);
  await publish(`${first.url}/a`, 1);
  const { id } = await listener.frame("message");
  await first.engine.close();
  await listener.rest();
  await first.stop();
  await using second = await start();
  const again = await listen(`${second.url}/a`, { "last-event-id": id });
  assert(!("id" in await again.frame("open")));
  assertEquals(await again.frame("reset"), {
    type: "reset",
    id: second.engine.node.id,
  });
  await publish(`${second.url}/a`, 2);
  assertEquals(await again.data(1), [2]);
  await again.close();
});
