/** The options of an engine: defaults, and wrong values by name. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { createEngine } from "../src/engine.ts";
import { type EngineOptions, settingsOf } from "../src/options.ts";
import { manualClock, test } from "./harness.ts";

const none = {
  connections: Infinity,
  channels: Infinity,
  opens: Infinity,
  publishes: Infinity,
  bytes: Infinity,
};

test("settingsOf() fills in the defaults that the comments name", () => {
  const { clock, ...settings } = settingsOf({});
  assertEquals(settings, {
    history: { frames: 1_024, bytes: 1_048_576, age: 300_000 },
    limits: {
      connections: 100_000,
      channels: 100,
      message: 262_144,
      bytes: 268_435_456,
      logs: 100_000,
      connection: { ...none, publishes: 1_000, bytes: 16_777_216 },
      subject: {
        ...none,
        connections: 1_000,
        publishes: 1_000,
        bytes: 16_777_216,
      },
      address: none,
    },
    heartbeat: 20_000,
    linger: 30_000,
    writeTimeout: 30_000,
    bodyTimeout: 30_000,
    preload: 10_000,
    publishTimeout: 0,
    maxAge: 0,
    reconnectRate: 1_000,
  });
  assert(Math.abs(clock.now() - Date.now()) < 60_000);
});

test("settingsOf() takes what is given, field by field", () => {
  const clock = manualClock();
  const settings = settingsOf({
    clock,
    history: { frames: 0 },
    limits: { connections: 0, logs: 7 },
    heartbeat: 100,
    linger: 0,
  });
  assertEquals(settings.clock, clock);
  assertEquals(settings.history, { frames: 0, bytes: 1_048_576, age: 300_000 });
  const { connections, logs, channels } = settings.limits;
  assertEquals([connections, logs, channels], [0, 7, 100]);
  assertEquals([settings.heartbeat, settings.linger], [100, 0]);
});

test("a wrong value is a RangeError that names it, its value and what it must be", () => {
  const wrong: [EngineOptions, string][] = [
    [
      { history: { frames: -1 } },
      "history.frames is -1; it must be at least 0",
    ],
    [
      { history: { bytes: NaN } },
      "history.bytes is NaN; it must be at least 0",
    ],
    [{ history: { age: -5 } }, "history.age is -5; it must be at least 0"],
    [{ limits: { connections: -1 } }, "limits.connections is -1; it must be"],
    [
      { limits: { channels: 0 } },
      "limits.channels is 0; it must be at least 1",
    ],
    [{ limits: { message: 0 } }, "limits.message is 0; it must be at least 1"],
    [{ limits: { bytes: 0 } }, "limits.bytes is 0; it must be at least 1"],
    [{ limits: { logs: 0 } }, "limits.logs is 0; it must be at least 1"],
    [
      { limits: { subject: { connections: -1 } } },
      "limits.subject.connections is -1; it must be at least 0",
    ],
    [
      { limits: { address: { opens: 0 } } },
      "limits.address.opens is 0; it must be at least 0.001",
    ],
    [{ bodyTimeout: 0 }, "bodyTimeout is 0; it must be at least 1"],
    [{ heartbeat: 99 }, "heartbeat is 99; it must be at least 100"],
    [{ linger: -1 }, "linger is -1; it must be at least 0"],
    [{ writeTimeout: 0 }, "writeTimeout is 0; it must be at least 1"],
  ];
  for (const [options, message] of wrong) {
    assertThrows(() => settingsOf(options), RangeError, message);
    assertThrows(() => createEngine(options), RangeError, message);
  }
});

test("channel() refuses bounds that the engine's options would refuse", () => {
  const engine = createEngine({ clock: manualClock() });
  for (const history of [{ frames: -1 }, { bytes: NaN }, { age: -1 }]) {
    assertThrows(() => engine.channel("a", { history }), RangeError);
  }
});

test("the system's clock calls back once, and not at all if prevented", async () => {
  const { clock } = settingsOf({});
  const called: string[] = [];
  clock.schedule(() => void called.push("prevented"), 0)();
  const { promise, resolve } = Promise.withResolvers<void>();
  clock.schedule(() => {
    called.push("due");
    resolve();
  }, 1);
  // The clock's own timer keeps no program running, so one that does waits here.
  const awake = setInterval(() => {}, 1_000);
  await promise;
  clearInterval(awake);
  assertEquals(called, ["due"]);
});
