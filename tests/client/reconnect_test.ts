/** Coming back: when, how soon, with what; and when not. */
import { assert, assertEquals } from "@std/assert";
import { delay } from "../../src/client/time.ts";
import { manualClock, test } from "../harness.ts";
import { held, once, open, record, silence, until, World } from "./world.ts";

for (const transport of ["stream", "sse", "poll"] as const) {
  test(`a client on ${transport} that is cut off again and again loses and doubles nothing`, async () => {
    await using world = await World.start();
    const client = world.client({ transport });
    const events = record(client);
    const got: unknown[] = [];
    client.subscribe("a", (data) => got.push(data));
    await once(client, "open");
    const { id } = client;
    // Some are cut before they were answered, and some while they are.
    let asked = 0;
    world.front = async (_, pass) => {
      if (++asked % 3 === 0) return new Response(null, { status: 504 });
      const response = await pass();
      if (asked % 3 === 1) return response;
      await response.body?.cancel();
      return new Response("{", { headers: response.headers });
    };
    for (let n = 0; n < 200; n++) {
      await world.engine.publish("a", n);
      if (n % 20 === 0) world.cut();
      if (n % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
    world.front = open;
    await until(() => got.length >= 200);
    assertEquals(got, [...Array(200).keys()]);
    assertEquals(client.id, id);
    assertEquals(events.reset, []);
    assert(events.reconnect.length > 0);
  });

  test(`a client on ${transport} comes back after a shutdown, to another server of the same order`, async () => {
    const { memory } = await import("../../src/backplane.ts");
    const shared = memory();
    const close = shared.close.bind(shared);
    shared.close = () => {};
    await using world = await World.start({ backplane: shared });
    const client = world.client({ transport });
    const events = record(client);
    const got: unknown[] = [];
    client.subscribe("a", (data) => got.push(data));
    await once(client, "open");
    const first = world.engine;
    await first.publish("a", 1);
    await until(() => got.length === 1);
    await until(() => first.connections.get(client.id!)?.transport);
    world.engine = world.addEngine({ backplane: shared });
    const reopened = once(client, "open");
    await first.close();
    await world.engine.publish("a", 2);
    await reopened;
    await world.engine.publish("a", 3);
    await until(() => got.length === 3);
    assertEquals(got, [1, 2, 3]);
    assertEquals(events.reset, []);
    const [reconnect] = events.reconnect;
    assertEquals(reconnect!.code, "shutdown");
    // The first of eight steps (N4.4); refusals give whole seconds.
    const least = transport === "poll" ? 1_000 : 500;
    assert(reconnect!.delay >= least && reconnect!.delay < least + 11);
    await close();
  });

  test(`a client on ${transport} is told by a reset that the server has another order`, async () => {
    await using world = await World.start();
    const client = world.client({ transport });
    const events = record(client);
    const got: unknown[] = [];
    client.subscribe("a", (data) => got.push(data));
    await once(client, "open");
    await world.engine.publish("a", 1);
    await until(() => got.length === 1);
    const old = world.engine;
    world.engine = world.addEngine();
    await world.engine.publish("a", 2);
    const reset = once(client, "reset");
    world.cut();
    old.drop(client.id!, "expired");
    assertEquals((await reset).channel, undefined);
    await world.engine.publish("a", 3);
    await until(() => got.length === 2);
    assertEquals(got, [1, 3]);
    assertEquals(events.reset.length, 1);
  });
}

test("the wait is random up to a bound that doubles from 500 ms to 30 s", () => {
  for (let failures = 0; failures < 20; failures++) {
    const bound = Math.min(30_000, 500 * 2 ** failures);
    let longest = 0;
    let shortest = Infinity;
    for (let n = 0; n < 500; n++) {
      const ms = delay({}, failures);
      assert(ms >= 0 && ms < bound);
      longest = Math.max(longest, ms);
      shortest = Math.min(shortest, ms);
      const after = delay({ min: 10, max: 20 }, failures, 1_000);
      assert(after >= 1_000 && after < 1_020);
    }
    assert(longest > 0.9 * bound && shortest < 0.1 * bound, `${failures}`);
  }
});

test("an attempt counts as failed until a frame has arrived", async () => {
  await using world = await World.start();
  world.front = (_, pass) => held(pass);
  const client = world.client({ transport: "stream", openTimeout: 10 });
  const events = record(client);
  client.subscribe("a", () => {});
  await until(() => events.reconnect.length === 3);
  assertEquals(events.reconnect.map(({ attempt }) => attempt), [1, 2, 3]);
  assertEquals(events.open, []);
  world.front = open;
  await once(client, "open");
  world.cut();
  const { attempt, code } = await once(client, "reconnect");
  assertEquals(attempt, 1);
  assert(code === "unreachable" || code === "cut", code);
});

test("a refusal is waited out for as long as Retry-After says", async () => {
  await using world = await World.start();
  let refused = 0;
  world.front = (_, pass) => {
    if (refused++ > 0) return pass();
    const headers = { "retry-after": "1" };
    return new Response("Busy.", { status: 503, headers });
  };
  const client = world.client({ transport: "stream" });
  const events = record(client);
  client.subscribe("a", () => {});
  await once(client, "open");
  const [{ delay, code } = { delay: 0, code: "" }] = events.reconnect;
  assert(delay >= 1_000 && delay < 1_011, `${delay}`);
  assertEquals(code, "unreachable");
});

test("silence for two heartbeats is the end of a stream", async () => {
  const clock = manualClock();
  await using world = await World.start({ heartbeat: 100, clock });
  const client = world.client();
  client.subscribe("a", () => {});
  await once(client, "open");
  const start = performance.now();
  // The server's clock stands still: no heartbeat comes.
  const { code } = await once(client, "reconnect");
  assertEquals(code, "timeout");
  const took = performance.now() - start;
  assert(took >= 190 && took < 5_000, `${took}`);
  await once(client, "open");
});

test("heartbeats keep a quiet stream, and move the cursor of a quiet client", async () => {
  await using world = await World.start({ heartbeat: 100 });
  const client = world.client();
  const events = record(client);
  client.subscribe("a", () => {});
  await once(client, "open");
  await world.engine.publish("elsewhere", 1);
  const { frames: [frame] } = await world.engine.history("elsewhere");
  await until(() => client.cursor === frame!.id);
  const start = performance.now();
  await until(() => performance.now() - start > 500);
  assertEquals(events.reconnect, []);
});

test("a fetch that takes no notice of its signal is left alone in time", async () => {
  await using world = await World.start();
  let asked = 0;
  const client = world.client({
    openTimeout: 20,
    transport: "stream",
    fetch: (input, init) => ++asked === 1 ? silence() : fetch(input, init),
  });
  client.subscribe("a", () => {});
  await once(client, "open");
});
