/** Who is not let in: a refusal has its code, and changes nothing. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { ConnectOptions } from "../src/arrival.ts";
import { createEngine, type Engine } from "../src/engine.ts";
import { PushError } from "../src/errors.ts";
import type { EngineOptions } from "../src/options.ts";
import { HandBackplane } from "./hand_backplane.ts";
import { manualClock, test } from "./harness.ts";

const ann = { subject: "ann" };

/** An engine whose clock stands still, with who has connected. */
function setup(options: EngineOptions = {}) {
  const engine = createEngine({
    clock: manualClock(),
    preload: 0,
    ...options,
  });
  const happened: string[] = [];
  engine.on("connect", ({ id }) => void happened.push(id));
  return { engine, happened };
}

/** What can be seen of an engine from outside. */
function picture(engine: Engine): unknown {
  return [...engine.connections.values()].map((connection) => ({
    id: connection.id,
    channels: connection.channels,
    sent: connection.sent,
    cursor: connection.cursor,
    sink: connection.sink?.transport,
  }));
}

/** Refuses `options` with `code`, and changes nothing. */
async function refuses(
  engine: Engine,
  options: ConnectOptions,
  code: string,
): Promise<PushError> {
  const before = picture(engine);
  const names = engine.channels;
  const error = await assertRejects(() => engine.connect(options), PushError);
  assertEquals(error.code, code);
  assertEquals(picture(engine), before);
  assertEquals(engine.channels, names);
  return error;
}

test("connect() refuses another subject than the connection's", async () => {
  const { engine } = setup();
  const { key } = await engine.connect({ channels: ["a"], identity: ann });
  const others = [{ subject: "bob" }, undefined];
  for (const identity of others) {
    await refuses(engine, { channels: ["b"], key, identity }, "forbidden");
  }
  const again = await engine.connect({ channels: [], key, identity: ann });
  assertEquals(again.key, key);
});

test("connect() refuses names and keys that are malformed", async () => {
  const { engine } = setup();
  for (const name of ["", "$all", "a//b", "a*"]) {
    const error = await refuses(
      engine,
      { channels: [name] },
      "invalid_channel",
    );
    assert(error.message.startsWith(`${name}: `));
  }
  await refuses(engine, { channels: [] }, "invalid_request");
  const key = "weak";
  await refuses(engine, { channels: ["a"], key }, "invalid_request");
});

test("connect() refuses more channels than the limit", async () => {
  const { engine } = setup({ limits: { channels: 2 } });
  const channels = ["a", "b", "c"];
  const error = await refuses(engine, { channels }, "invalid_request");
  assertEquals(error.message, "3 channels are too many; the limit is 2.");
  await engine.connect({ channels: ["a", "b", "b"] });
});

test("connect() refuses new names once the logs are full, and takes known ones", async () => {
  const { engine } = setup({ limits: { logs: 2 } });
  await engine.connect({ channels: ["a"] });
  const error = await refuses(engine, { channels: ["b"] }, "too_many_channels");
  assertEquals([error.retryable, error.retryAfter], [true, 5_000]);
  await engine.connect({ channels: ["a"] });
});

test("connect() refuses connections beyond the limit, but not those that return", async () => {
  const { engine } = setup({ limits: { connections: 1 } });
  const { key } = await engine.connect({ channels: ["a"] });
  const code = "too_many_connections";
  const error = await refuses(engine, { channels: ["a"] }, code);
  assert(error.retryAfter! >= 1_000);
  await engine.connect({ channels: ["a"], key });
});

test("connect() keeps the limit if many come at once", async () => {
  const { engine } = setup({ limits: { connections: 2 } });
  const all = await Promise.allSettled(
    [...Array(5)].map(() => engine.connect({ channels: ["a"] })),
  );
  assertEquals(engine.connections.size, 2);
  assertEquals(all.filter(({ status }) => status === "rejected").length, 3);
});

test("connect() counts responses that ended as slow but are still there", async () => {
  const { engine } = setup({ limits: { connections: 1 } });
  engine.node.stalled = 1;
  await refuses(engine, { channels: ["a"] }, "too_many_connections");
});

test("connect() refuses whom a beforeConnect listener refuses", async () => {
  const { engine, happened } = setup();
  const asked: unknown[] = [];
  engine.on("beforeConnect", async ({ id, identity, channels }) => {
    await Promise.resolve();
    asked.push([typeof id, identity, channels]);
    return identity !== undefined;
  });
  await refuses(engine, { channels: ["a"] }, "forbidden");
  assertEquals(happened, []);
  const known = { channels: ["a"], identity: ann };
  const { key } = await engine.connect(known);
  await engine.connect({ ...known, key });
  assertEquals(asked, [["string", undefined, ["a"]], ["string", ann, ["a"]]]);
});

test("connect() refuses since while nobody knows the top of the order (O3)", async () => {
  const backplane = new HandBackplane();
  const { engine } = setup({ backplane });
  backplane.unreachable = true;
  const options = { channels: ["a"], since: "e1-5" };
  const error = await refuses(engine, options, "unavailable");
  assertEquals(error.retryable, true);
});

test("connect() is refused if the engine is closed while it is decided", async () => {
  const { engine } = setup();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  engine.on("beforeConnect", () => promise);
  const connecting = engine.connect({ channels: ["a"] });
  await engine.close();
  resolve(true);
  const error = await assertRejects(() => connecting, PushError);
  assertEquals([error.code, engine.connections.size], ["shutdown", 0]);
});
