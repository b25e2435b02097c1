/** The clients of CometD and Faye where a quota has no room for them. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { PushError } from "../../../../src/errors.ts";
import { test } from "../../../harness.ts";
import { until } from "../../../http/halley.ts";
import { type Answer, Client, LIBRARIES, start } from "./client.ts";

const ADDRESS = { address: "127.0.0.1" };

for (const library of LIBRARIES) {
  test(`${library} that is refused asks again by itself, each time after a pause, and is let in`, async () => {
    await using halley = await start({}, { limits: { address: { opens: 1 } } });
    const { engine } = halley;
    await using client = await Client.idle(library, halley.url);
    const refused: number[] = [];
    engine.on("refuse", ({ code }) => {
      assertEquals(code, "too_many_requests");
      refused.push(performance.now());
    });
    // For three seconds there is nothing left.
    engine.node.meters.take("opens", ADDRESS, 5 + 3);
    void client.do("handshake");
    await until(() => engine.connections.size === 1);
    refused.push(performance.now());
    const pauses = refused.slice(1).map((time, n) => time - refused[n]!);
    assert(pauses.length >= 1 && pauses.length <= 4, `${pauses}`);
    assert(Math.min(...pauses) >= 900, `${pauses}`);
    // Whoever subscribes before it knows that it is in does so again when it does.
    const knows = () => library === "faye" || client.handshakes.length > 0;
    await client.until(knows);
    assert((await client.do("subscribe", "/a")).successful);
    await engine.publish("a", "welcome");
    assertEquals(await client.hears(1), ["welcome"]);
  });
}

test("faye that is refused again and again asks no more often", async () => {
  const identify = () => {
    throw new PushError("unavailable");
  };
  await using halley = await start({}, { policy: { identify } });
  // In seconds.
  const retry = 0.2;
  await using client = await Client.idle("faye", halley.url, { retry });
  const refused: number[] = [];
  halley.engine.on("refuse", () => void refused.push(performance.now()));
  // It is not done before the client is ended.
  client.do("handshake").catch(() => {});
  // The advice was to come back after three seconds at most.
  await until(() => refused.length === 20);
  const pauses = refused.slice(1).map((time, n) => time - refused[n]!);
  assert(Math.min(...pauses) >= 150, `${pauses}`);
});

for (const library of ["cometd9", "cometd3", "faye"] as const) {
  test(`${library} whose messages are refused is told so, sends none again, and goes on`, async () => {
    await using halley = await start({}, {
      limits: { connection: { publishes: 1 } },
    });
    const { engine } = halley;
    await using client = await Client.start(library, halley.url);
    await client.do("subscribe", "/a");
    const [connection] = engine.connections.keys();
    // For a minute there is nothing left.
    const who = { connection: connection! };
    engine.node.meters.take("publishes", who, 5 + 60);
    const batch = Array.from({ length: 5 }, (_, n) => ["/b", n]);
    const answers = await client.do<Answer[]>("batch", batch);
    for (const { successful, error } of answers) {
      assertEquals(successful, false);
      assertMatch(error!, /429/);
    }
    await engine.publish("a", "still here");
    assertEquals(await client.hears(1), ["still here"]);
    const limited = engine.node.meters.refused;
    assertEquals(limited.get("connection.publishes"), 5);
    assertEquals([...engine.connections.keys()], [connection]);
  });
}
