/** What an engine logs, and what it never does. */
import { assert, assertEquals } from "@std/assert";
import { createEngine } from "../../src/engine.ts";
import { PushError } from "../../src/errors.ts";
import type { LogEntry } from "../../src/operate/logger.ts";
import { createRouter } from "../../src/router.ts";
import { HandBackplane } from "../hand_backplane.ts";
import { manualClock, test, turn } from "../harness.ts";
import { Recorder } from "../recorder.ts";

function setup(backplane?: HandBackplane) {
  const clock = manualClock();
  const entries: LogEntry[] = [];
  const engine = createEngine({
    clock,
    linger: 1_000,
    log: (entry) => entries.push(entry),
    ...(backplane && { backplane }),
  });
  /** Those of one event, without what all have. */
  const of = (wanted: string) =>
    entries.filter(({ event }) => event === wanted)
      .map(({ time: _, event: __, ...rest }) => rest);
  return { clock, engine, entries, of };
}

test("the life of a connection is logged for those who look for faults", async () => {
  const { clock, engine, of, entries } = setup();
  const identity = { subject: "ann" };
  const connection = await engine.connect({ channels: ["a"], identity });
  const recorder = new Recorder(connection);
  connection.unpark(recorder);
  clock.advance(2_000);
  const level = "debug" as const;
  const who = { level, connection: connection.id, subject: "ann" };
  assertEquals(of("subscribe"), [{ ...who, channel: "a" }]);
  assertEquals(of("connect"), [who]);
  assertEquals(of("away"), [who]);
  assertEquals(of("drop"), [{ ...who, reason: "expired" }]);
  assert(entries.every(({ time }) => time >= 1_000_000));
  await engine.close();
});

test("a connection that had to go, an order, a drain and its end are news", async () => {
  const { engine, of } = setup();
  assertEquals(of("order"), [{ level: "info", id: engine.node.id }]);
  const { id } = new Recorder(await engine.connect({ channels: ["a"] }))
    .connection;
  engine.drop(id, "kicked");
  assertEquals(of("drop").map(({ level }) => level), ["info"]);
  await engine.close();
  assertEquals(of("drain"), [{ level: "info", connections: 0 }]);
  assertEquals(of("close"), [{ level: "info" }]);
});

test("what the server cannot do is a warning, what a client does amiss is not", async () => {
  const { engine, of } = setup();
  const refuse = (code: "unavailable" | "forbidden" | "too_many_channels") =>
    engine.node.refused(new PushError(code, "secret"));
  refuse("unavailable");
  refuse("forbidden");
  refuse("too_many_channels");
  assertEquals(of("refuse"), [
    { level: "warn", code: "unavailable", status: 503 },
    { level: "debug", code: "forbidden", status: 403 },
    { level: "debug", code: "too_many_channels", status: 429 },
  ]);
  await engine.close();
});

test("an error is logged with its stack, in place of the console", async () => {
  const { engine, of } = setup();
  engine.node.fail(new Error("it broke"));
  engine.node.fail("a string");
  const [first, second] = of("error");
  assertEquals([first?.level, first?.error], ["error", "it broke"]);
  assert(`${first?.stack}`.includes("logging_test"));
  assertEquals(second, { level: "error", error: "a string" });
  await engine.close();
});

test("messages that were lost before they came here are a warning", async () => {
  const backplane = new HandBackplane({ seq: 7 });
  const { of } = setup(backplane);
  await turn();
  backplane.listener!.lost(7);
  assertEquals(of("gap"), [], "what was before this node");
  backplane.listener!.lost(9);
  assertEquals(of("gap"), [{ level: "warn", id: "e1-9" }]);
});

test("no entry has data, keys or tokens in it", async () => {
  const { engine, entries } = setup();
  const router = createRouter(engine);
  const ask = (path: string, init?: RequestInit) => router.request(path, init);
  const opened = await ask("/a?transport=poll");
  const { key, id } = await opened.json();
  await engine.publish("a", "a payload");
  await turn();
  const headers = { authorization: "Bearer a-token", "push-key": key };
  await ask(`/a?transport=poll&wait=0&since=${id}`, { headers });
  await ask("/a", { method: "POST", headers, body: "a payload" });
  await ask("/a?transport=poll&key=a-token");
  assert(entries.some(({ event }) => event === "refuse"));
  const text = JSON.stringify(entries);
  for (const secret of ["a payload", "a-token", key]) {
    assert(!text.includes(secret), text);
  }
  await engine.close();
});
