/** PROTOCOL N8: limits refuse newcomers, and evict nobody. */
import { assert, assertEquals } from "@std/assert";
import { memory } from "../../src/backplane.ts";
import { test, turn } from "../harness.ts";
import {
  listen,
  poll,
  problemOf,
  publish,
  start,
  subscribe,
} from "./halley.ts";

test("a full server refuses newcomers and serves those it has (N8)", async () => {
  await using halley = await start({ limits: { connections: 2 } });
  const { url, engine } = halley;
  const ann = await subscribe(`${url}/a`);
  const away = await poll(`${url}/a`);
  const before = [...engine.connections.keys()];

  const stream = await fetch(`${url}/a?transport=stream`);
  assert(Number(stream.headers.get("retry-after")) >= 1);
  const problem = await problemOf(stream);
  assertEquals([problem.status, problem.code], [503, "too_many_connections"]);
  const listener = await listen(`${url}/b`);
  assertEquals(listener.response.status, 200);
  const rest = await listener.rest();
  assertEquals(rest.map(({ frame }) => [frame.type, frame.code]), [
    ["close", "too_many_connections"],
  ]);
  assert(listener.retry! >= 1_000);

  assertEquals([...engine.connections.keys()], before);
  assertEquals(engine.channels, ["a"]);
  await publish(`${url}/a`, 1);
  assertEquals(await ann.listener.data(1), [1]);
  // Whoever is here may come back, however full it is.
  const back = await poll(url, { key: away.key, since: away.id! });
  assertEquals(back.messages.map(({ data }) => data), [1]);
  await ann.listener.close();
});

test("a place that is given up is free for the next (N8)", async () => {
  await using halley = await start({ limits: { connections: 1 } });
  const { url } = halley;
  const { listener, open } = await subscribe(`${url}/a`);
  const poll503 = await fetch(`${url}/a?transport=poll`);
  assertEquals((await problemOf(poll503)).status, 503);
  await fetch(`${url}/$leave?key=${open.key}`, { method: "POST" });
  assertEquals((await listener.frame("close")).code, "left");
  assertEquals((await poll(`${url}/a`)).messages, []);
  await listener.close();
});

test("a crowd that comes at once stays within the limit (N8)", async () => {
  const inner = memory();
  const top = () => turn().then(() => inner.top());
  await using halley = await start({
    backplane: { ...inner, top },
    limits: { connections: 5 },
  });
  const { url, engine } = halley;
  const statuses = await Promise.all(
    Array.from({ length: 30 }, async (_, n) => {
      // Some must ask the backplane where they stand, which takes a moment.
      const query = n % 2 ? "" : "&since=other-1";
      const response = await fetch(`${url}/a?transport=stream${query}`);
      await response.body!.getReader().read();
      return response.status;
    }),
  );
  assertEquals(statuses.filter((status) => status === 200).length, 5);
  assertEquals(engine.connections.size, 5);
});

test("too many channels of one client are its own fault (N8)", async () => {
  await using halley = await start({ limits: { channels: 3 } });
  const { url, engine } = halley;
  const query = (count: number) =>
    Array.from({ length: count }, (_, n) => `channel=c${n}`).join("&");
  const refused = await fetch(`${url}?${query(4)}`);
  const problem = await problemOf(refused);
  assertEquals([problem.status, problem.code], [400, "invalid_request"]);
  assertEquals([engine.connections.size, engine.channels], [0, []]);
  // Named twice is named once.
  const { listener } = await subscribe(`${url}/c0?${query(3)}`);
  await listener.close();
});

test("who is there is asked of as many channels as one client may have, each once (N10.5, N11.1)", async () => {
  const asked: string[] = [];
  await using halley = await start({
    limits: { channels: 3 },
    policy: { allow: (_, name) => asked.push(name) > 0 },
  });
  const ask = (...names: string[]) =>
    fetch(`${halley.url}/$presence?channel=${names.join("&channel=")}`);
  const problem = await problemOf(await ask("a", "b", "c", "d"));
  assertEquals([problem.status, problem.code], [400, "invalid_request"]);
  assertEquals(asked, []);
  const { presence } = await (await ask("a", "b", "a", "c", "a")).json();
  assertEquals(Object.keys(presence), ["a", "b", "c"]);
  assertEquals(asked, ["a", "b", "c"]);
});

test("a server full of channels refuses new ones, and keeps those it has (N8)", async () => {
  // The log of all connections is one of them.
  await using halley = await start({ limits: { logs: 3 } });
  const { url, engine } = halley;
  const { listener, open } = await subscribe(`${url}?channel=a&channel=b`);
  const refused = await fetch(`${url}/c?transport=poll`);
  assertEquals(refused.status, 429);
  assertEquals(refused.headers.get("retry-after"), "5");
  assertEquals((await problemOf(refused)).code, "too_many_channels");
  const events = await listen(`${url}?channel=a&channel=c`);
  assertEquals((await events.frame("close")).code, "too_many_channels");
  assertEquals(engine.channels, ["a", "b"]);
  assertEquals([...engine.connections.keys()], [open.connection]);
  await publish(`${url}/b`, 1);
  assertEquals(await listener.data(1), [1]);
  assertEquals((await poll(`${url}/a`)).messages, []);
  await events.close();
  await listener.close();
});

test("a channel nobody follows makes room for a new one (N8)", async () => {
  await using halley = await start({ limits: { logs: 3 } });
  const { url, engine } = halley;
  for (const name of ["a", "b", "c", "d"]) await publish(`${url}/${name}`, 1);
  assertEquals(engine.channels, ["c", "d"]);
  const { listener } = await subscribe(`${url}?channel=e&channel=f`);
  await publish(`${url}/e`, "here");
  assertEquals(await listener.data(1), ["here"]);
  await listener.close();
});
