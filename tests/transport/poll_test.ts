/** A connection on a request that is answered once: N5. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Connection } from "../../src/connection.ts";
import { createEngine } from "../../src/engine.ts";
import { PushError } from "../../src/errors.ts";
import { newKey } from "../../src/key.ts";
import type { EngineOptions } from "../../src/options.ts";
import { poll, type PollOptions } from "../../src/transport/poll.ts";
import { HandBackplane } from "../hand_backplane.ts";
import { manualClock, test, turn } from "../harness.ts";
import type { Seen } from "./reading.ts";

interface Answer {
  readonly connection: string;
  readonly key: string;
  readonly id?: string;
  readonly messages: Seen[];
  readonly reset?: true | string[];
}

function setup(options: EngineOptions = {}) {
  const clock = manualClock();
  const engine = createEngine({ clock, preload: 0, ...options });
  const connect = (since?: string, key?: string, channels = ["a"]) =>
    engine.connect({ channels, since, key });
  const ask = async (
    connection: Connection,
    options: PollOptions = { wait: 0 },
  ): Promise<Answer> => (await poll(engine, connection, options)).json();
  return { engine, clock, connect, ask };
}

/** Whether `promise` has settled by the next turn. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  promise.then(() => done = true, () => done = true);
  await turn();
  await turn();
  return done;
}

const data = ({ messages }: Answer) => messages.map(({ data }) => data);

test("a poll without wait answers at once, with the present id (N5)", async () => {
  const { engine, connect } = setup();
  const id = await engine.publish("a", 1);
  const connection = await connect();
  const response = await poll(engine, connection, { wait: 0 });
  assertEquals(response.headers.get("content-type"), "application/json");
  assertEquals(response.headers.get("cache-control"), "no-store");
  const { key } = connection;
  assertEquals(await response.json(), {
    connection: connection.id,
    key,
    id,
    messages: [],
  });
});

test("a poll is held until there is something, and leaves the connection away", async () => {
  const { engine, connect, ask } = setup();
  const connection = await connect();
  const asking = ask(connection, { wait: 10_000 });
  assert(!await settled(asking));
  assertEquals(connection.transport, "poll");
  await engine.publish("b", 0);
  assert(!await settled(asking));
  const id = await engine.publish("a", "x");
  const answer = await asking;
  assertEquals([answer.id, answer.messages], [id, [
    { type: "message", channel: "a", id, data: "x" },
  ]]);
  assertEquals(connection.sink, undefined);
});

test("a poll with since answers at once if there is anything after it", async () => {
  const { engine, connect, ask } = setup();
  const since = await engine.publish("a", 1);
  for (const value of [2, "three", { x: null }]) {
    await engine.publish("a", value);
  }
  const answer = await ask(await connect(since), { wait: 10_000 });
  assertEquals(data(answer), [2, "three", { x: null }]);
  assert(!("reset" in answer));
});

test("a poll takes as much as one write, and the next one the rest", async () => {
  const { engine, connect, ask } = setup();
  const since = await engine.publish("a", 0);
  for (let i = 1; i <= 5; i++) await engine.publish("a", "x".repeat(30_000));
  const connection = await connect(since);
  const first = await ask(connection);
  assert(first.messages.length < 5);
  assertEquals(first.id, first.messages.at(-1)?.id);
  const { key } = connection;
  const rest = await ask(await connect(first.id, key));
  assertEquals(first.messages.length + rest.messages.length, 5);
});

test("a poll is answered empty at its deadline, with the present id", async () => {
  const { engine, clock, connect, ask } = setup();
  const asking = ask(await connect(), { wait: 5_000 });
  const id = await engine.publish("b", 0);
  engine.sweep(clock.now() + 4_999);
  assert(!await settled(asking));
  engine.sweep(clock.now() + 5_000);
  const answer = await asking;
  assertEquals([answer.id, answer.messages], [id, []]);
});

test("a poll is answered by the engine's own timer", async () => {
  const { clock, connect, ask } = setup();
  const asking = ask(await connect(), { wait: 300 });
  clock.advance(300);
  assertEquals((await asking).messages, []);
});

test("a poll that is aborted loses nothing: the next one has it", async () => {
  const { engine, connect, ask } = setup();
  const away: string[] = [];
  engine.on("away", ({ id }) => void away.push(id));
  const abort = new AbortController();
  const connection = await connect();
  const { signal } = abort;
  const asking = poll(engine, connection, { wait: 10_000, signal });
  abort.abort();
  assertEquals((await asking).status, 408);
  assertEquals([connection.sink, away], [undefined, [connection.id]]);
  await engine.publish("a", 1);
  await turn();
  assertEquals(data(await ask(connection)), [1]);
});

test("a poll whose client has gone before it began is not held", async () => {
  const { engine, connect } = setup();
  const connection = await connect();
  const signal = AbortSignal.abort();
  const asking = poll(engine, connection, { wait: 10_000, signal });
  assert(await settled(asking));
  assertEquals(connection.sink, undefined);
});

test("an answer that was lost comes again, as long as since does not prove it", async () => {
  const { engine, connect, ask } = setup();
  const connection = await connect();
  const { key } = connection;
  await engine.publish("a", 1);
  assertEquals(data(await ask(connection)), [1]);
  const again = await ask(await connect(undefined, key));
  assertEquals(data(again), [1]);
  assertEquals(data(await ask(await connect(again.id, key))), []);
});

test("a connection with once ends with its answer, as left (N5)", async () => {
  const { engine, connect, ask } = setup();
  const reasons: string[] = [];
  engine.on("drop", (_, reason) => void reasons.push(reason));
  const since = await engine.publish("a", 0);
  const connection = await connect(since);
  const asking = ask(connection, { wait: 9_000, once: true });
  assert(engine.connections.has(connection.id));
  await engine.publish("a", 1);
  assertEquals(data(await asking), [1]);
  assertEquals([reasons, engine.connections.size], [["left"], 0]);
});

test("a connection with once ends with its request, as left", async () => {
  const { engine, connect } = setup();
  const abort = new AbortController();
  const { signal } = abort;
  const connection = await connect();
  const asking = poll(engine, connection, { wait: 9_000, once: true, signal });
  abort.abort();
  await asking;
  assertEquals(engine.connections.size, 0);
});

test("a poll lists the logs that were cut; its id lies past all they cover (N5)", async () => {
  const { engine, connect, ask } = setup();
  const since = await engine.publish("x", 0);
  for (const name of ["a", "c"]) {
    engine.channel(name, { history: { frames: 0 } });
  }
  await engine.publish("b", 1);
  await engine.publish("a", 2);
  const id = await engine.publish("c", 3);
  const connection = await connect(since, undefined, ["a", "b", "c"]);
  const answer = await ask(connection, { wait: 9_000 });
  assertEquals([answer.reset, data(answer)], [["a", "c"], [1]]);
  assertEquals(answer.id, id);
  const again = await ask(await connect(answer.id, connection.key));
  assert(!("reset" in again));
});

test("a poll answers at once with reset true after another order (N5, O6)", async () => {
  const { engine, connect, ask } = setup();
  const id = await engine.publish("a", 1);
  const answer = await ask(await connect("gone-1"), { wait: 9_000 });
  assertEquals([answer.reset, answer.messages, answer.id], [true, [], id]);
});

test("a poll is held while a log is being read, past its deadline too (O5)", async () => {
  const backplane = new HandBackplane();
  for (const log of ["a", "a"]) backplane.add(log);
  const { engine, clock, connect, ask } = setup({ backplane });
  const asking = ask(await connect("e1-1"), { wait: 0 });
  engine.sweep(clock.now() + 1_000);
  assert(!await settled(asking));
  await backplane.answerAll();
  const answer = await asking;
  assertEquals([data(answer), answer.id], [[2], "e1-2"]);
});

test("a poll of a client ahead of its node is answered without id (O2, O3)", async () => {
  const backplane = new HandBackplane();
  const { engine, connect, ask } = setup({ backplane });
  backplane.feeding = false;
  const since = await engine.publish("a", 1);
  const answer = await ask(await connect(since));
  assertEquals(answer.messages, []);
  assert(!("id" in answer));
});

test("a poll whose connection is dropped rejects with the reason", async () => {
  const { engine, connect, ask } = setup();
  const connection = await connect();
  const asking = ask(connection, { wait: 9_000 });
  engine.drop(connection.id, "shutdown", 1_500);
  const error = await assertRejects(() => asking, PushError);
  assertEquals([error.code, error.retryAfter], ["shutdown", 1_500]);
});

test("a poll whose connection is taken by another rejects as replaced", async () => {
  const { engine, connect, ask } = setup();
  const key = newKey();
  const connection = await connect(undefined, key);
  const asking = ask(connection, { wait: 9_000 });
  const second = ask(await connect(undefined, key), { wait: 9_000 });
  const error = await assertRejects(() => asking, PushError);
  assertEquals(error.code, "replaced");
  await engine.publish("a", 1);
  assertEquals(data(await second), [1]);
});
