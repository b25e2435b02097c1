/** The clients of CometD and Faye, as npm has them, do what they are there for. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { EventSource } from "npm:eventsource@^5.1.0";
import { PushError } from "../../../../src/errors.ts";
import { test } from "../../../harness.ts";
import { until } from "../../../http/halley.ts";
import { type Answer, Client, LIBRARIES, start } from "./client.ts";

const OK = { successful: true };

/** What cometd's extensions know. */
interface Clock {
  readonly timestamp: string;
  readonly timesync: Record<string, number>;
  /** In ms, as is `lag`. */
  readonly offset: number;
  readonly lag: number;
}

for (const library of LIBRARIES) {
  test(`${library} shakes hands, subscribes, publishes in batches, and leaves`, async () => {
    await using halley = await start();
    const { engine } = halley;
    await using client = await Client.start(library, halley.url);
    assertEquals(await client.do<string>("transport"), "long-polling");
    for (const name of ["/chat/room", "/chat/*", "/**"]) {
      assertEquals(await client.do("subscribe", name), OK);
    }
    assertEquals(await client.do("publish", "/chat/room", { text: "hi" }), OK);
    // One copy for each listener, though all of them match.
    await client.until(() => client.events.length >= 3);
    const names = client.events.map(({ subscription }) => subscription);
    assertEquals(names.sort(), ["/**", "/chat/*", "/chat/room"]);
    for (const { channel, data } of client.events) {
      assertEquals([channel, data], ["/chat/room", { text: "hi" }]);
    }
    client.events.length = 0;
    const batch = Array.from({ length: 20 }, (_, i) => ["/other/x", i]);
    const answers = await client.do<Answer[]>("batch", batch);
    assertEquals(answers, batch.map(() => OK));
    assertEquals(await client.hears(20), batch.map(([, data]) => data));
    // While its connect is held.
    const held = () => [...engine.connections.values()].some((it) => it.sink);
    await until(held);
    await engine.publish("chat/room", "grüße");
    await client.hears(23);
    assertEquals(client.events.at(-1)!.data, "grüße");
    await client.do("disconnect");
    await until(() => engine.connections.size === 0);
  });
}

test("a remote call of cometd is answered, or fails", async () => {
  await using halley = await start({
    calls: {
      double: (data) => (data as number) * 2,
      refused: () => {
        throw new PushError("forbidden", "Not you.");
      },
    },
  });
  for (const library of ["cometd9", "cometd5", "cometd3"] as const) {
    await using client = await Client.start(library, halley.url);
    const { successful, data } = await client.do("call", "double", 21);
    assertEquals([successful, data], [true, 42]);
    const refused = await client.do("call", "refused", 1);
    assertEquals(refused.successful, false);
    assertEquals(refused.data, { code: "forbidden", message: "Not you." });
    const nowhere = await client.do("call", "nowhere", 1);
    assertEquals(nowhere.successful, false);
    assertMatch(nowhere.error!, /^404:/);
  }
});

test("the extensions of cometd for bytes, clocks and times are served", async () => {
  // What is published may come with its own answer, while a connect is held.
  await using halley = await start({ timeout: 1_000 });
  const extensions = ["Binary", "TimeSync", "TimeStamp"];
  for (const library of ["cometd9", "cometd8"] as const) {
    const { url } = halley;
    await using client = await Client.start(library, url, { extensions });
    assertEquals(await client.do("subscribe", "/a"), OK);
    const bytes = Array.from({ length: 256 }, (_, byte) => byte);
    const meta = { type: "image/png" };
    assertEquals(await client.do("publishBinary", "/a", bytes, meta), OK);
    assertEquals(await client.hears(1), [{ meta, data: bytes, last: true }]);
    await client.until(() => client.connects.length > 1);
    const { timestamp, timesync, offset, lag } = await client.do<Clock>(
      "clock",
    );
    assert(Date.parse(timestamp) > 0, timestamp);
    assertEquals(Object.keys(timesync).sort(), ["a", "p", "tc", "ts"]);
    // Of two programs that go by one clock: nothing, but for what the way took.
    assert(Math.abs(offset) <= lag + 2, `${offset} ms, but ${lag} ms away`);
  }
});

test("CometD, Faye and an EventSource hear each other on one channel", async () => {
  await using halley = await start();
  await using cometd = await Client.start("cometd9", halley.url);
  await using faye = await Client.start("faye", halley.url);
  const source = new EventSource(`${halley.push}/chat/room`);
  const heard: unknown[] = [];
  source.onmessage = ({ data }) => heard.push(JSON.parse(data).data);
  await new Promise((resolve) => source.addEventListener("open", resolve));
  await cometd.do("subscribe", "/chat/room");
  await faye.do("subscribe", "/chat/*");
  await cometd.do("publish", "/chat/room", { from: "cometd" });
  await faye.do("publish", "/chat/room", { from: "faye" });
  const response = await fetch(`${halley.push}/chat/room`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: `{"from":"native"}`,
  });
  await response.body?.cancel();
  const all = ["cometd", "faye", "native"].map((from) => ({ from }));
  assertEquals(await cometd.hears(3), all);
  assertEquals(await faye.hears(3), all);
  await until(() => heard.length >= 3);
  assertEquals(heard, all);
  source.close();
});

test("what the policy denies is told to a client, which goes on", async () => {
  await using halley = await start({}, {
    policy: { allow: (_, name) => !name.startsWith("secret") },
  });
  for (const library of ["cometd9", "faye"] as const) {
    await using client = await Client.start(library, halley.url);
    for (const command of ["subscribe", "publish"]) {
      const denied = await client.do(command, "/secret/a", 1);
      assertEquals(denied.successful, false);
      assertMatch(denied.error!, /403/);
    }
    assertEquals(await client.do("subscribe", "/open"), OK);
    assertEquals(await client.do("publish", "/open", library), OK);
    assertEquals(await client.hears(1), [library]);
    assert(client.events.every(({ channel }) => channel === "/open"));
  }
});
