/** Coming back: when, how soon, with what; and when not. */
import { assert, assertEquals } from "@std/assert";
import { delay } from "../../src/client/time.ts";
import { manualClock, runtime, test } from "../harness.ts";
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

for (const transport of ["stream", "sse", "poll"] as const) {
  test(`a full server is asked again on ${transport}, with the delay it names (N8.3)`, async () => {
    await using world = await World.start({ limits: { connections: 1 } });
    const first = world.client();
    first.subscribe("a", () => {});
    await once(first, "open");
    const client = world.client({ transport });
    client.subscribe("a", () => {});
    const { code, delay } = await once(client, "reconnect");
    assertEquals(code, "too_many_connections");
    assert(delay >= 1_000, `${delay}`);
  });

  test(`a final refusal on ${transport} stops at once; another subscription tries again`, async () => {
    await using world = await World.start({
      policy: { allow: (_, name) => name !== "secret" },
    });
    const client = world.client({ transport });
    const events = record(client);
    const off = client.subscribe("secret", () => {});
    const { code, reason } = await once(client, "close");
    assertEquals(code, "unauthorized");
    assertEquals(reason, "You may not subscribe secret.");
    assertEquals(client.state, "closed");
    assertEquals(world.asked().length, 1);
    assertEquals(events.reconnect, []);
    off();
    client.subscribe("a", () => {});
    await once(client, "open");
  });

  test(`a client on ${transport} that is kicked does not come back`, async () => {
    await using world = await World.start();
    const client = world.client({ transport });
    client.subscribe("a", () => {});
    await once(client, "open");
    await until(() => world.engine.connections.get(client.id!)?.transport);
    const asked = world.asked().length;
    const closed = once(client, "close");
    world.engine.drop(client.id!, "kicked");
    assertEquals((await closed).code, "kicked");
    assertEquals(world.asked().length - asked <= 1, true);
  });

  test(`a client on ${transport} whose key another one took comes back without it`, async () => {
    await using world = await World.start();
    const client = world.client({ transport });
    const got: unknown[] = [];
    client.subscribe("a", (data) => got.push(data));
    await once(client, "open");
    const { id } = client;
    await until(() =>
      world.engine.connections.get(id!)?.transport &&
      (transport !== "poll" || world.asked().length > 1)
    );
    const key = world.engine.connections.get(id!)!.key;
    const reopened = once(client, "open");
    const other = await fetch(`${world.url}?transport=stream`, {
      headers: { "push-key": key },
    });
    await reopened;
    assert(client.id !== id);
    assertEquals(
      world.asked().at(-1)!.headers.has("push-key"),
      transport === "poll" && world.asked().at(-1)!.query.get("wait") !== "1",
    );
    await world.engine.publish("a", 1);
    await until(() => got.length === 1);
    await other.body?.cancel();
  });
}

test("headers are asked for again at each attempt, and at each publish", async () => {
  await using world = await World.start();
  let token = 0;
  const client = world.client({
    headers: async () => {
      await Promise.resolve();
      return { authorization: `Bearer ${++token}` };
    },
  });
  client.subscribe("a", () => {});
  await once(client, "open");
  const reopened = once(client, "open", () => true);
  world.cut();
  await reopened;
  await client.publish("a", 1);
  const tokens = world.seen.map(({ headers }) => headers.get("authorization"));
  assertEquals(tokens, ["Bearer 1", "Bearer 2", "Bearer 3"]);
});

test("headers that never come, or throw, are a failed attempt", async () => {
  await using world = await World.start();
  let asked = 0;
  const client = world.client({
    openTimeout: 20,
    transport: "stream",
    headers() {
      asked++;
      if (asked === 1) return new Promise(() => {});
      if (asked === 2) throw new Error("no token");
      return {};
    },
  });
  const events = record(client);
  client.subscribe("a", () => {});
  await once(client, "open");
  const codes = events.reconnect.map(({ code, reason }) => [code, reason]);
  assertEquals(codes, [
    ["timeout", "timeout"],
    ["unreachable", "Error: no token"],
  ]);
});

test("a client that has become somebody else gets a connection of its own", async () => {
  await using world = await World.start({
    policy: {
      allow: () => true,
      identify(request) {
        const subject = request.headers.get("authorization");
        return subject ? { subject } : undefined;
      },
    },
  });
  let user = "ann";
  const client = world.client({ headers: () => ({ authorization: user }) });
  const got: unknown[] = [];
  client.subscribe("a", (data) => got.push(data));
  await once(client, "open");
  const { id } = client;
  user = "bob";
  const reopened = once(client, "open", () => true);
  await world.engine.publish("a", 1);
  world.cut();
  await reopened;
  assert(client.id !== id);
  assertEquals(
    world.engine.connections.get(client.id!)?.identity?.subject,
    "bob",
  );
  await until(() => got.length === 1);
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

/** Says to the page what browsers say. */
function say(type: string): void {
  globalThis.dispatchEvent(new Event(type));
}

test("online ends a wait, offline ends a stream", async () => {
  await using world = await World.start();
  const backoff = { min: 1e9, max: 1e9 };
  const client = world.client({ backoff });
  const events = record(client);
  world.front = () => new Response(null, { status: 502 });
  client.subscribe("a", () => {});
  await once(client, "reconnect");
  world.front = open;
  say("online");
  await once(client, "open");
  say("offline");
  assertEquals((await once(client, "reconnect")).code, "offline");
  say("online");
  await once(client, "open");
  assertEquals(events.open.length, 2);
});

test("a page that is looked at again does not wait, and keeps a stream that lives", async () => {
  await using world = await World.start();
  const client = world.client({ backoff: { min: 1e9, max: 1e9 } });
  const events = record(client);
  world.front = () => new Response(null, { status: 502 });
  client.subscribe("a", () => {});
  await once(client, "reconnect");
  world.front = open;
  say("visibilitychange");
  await once(client, "open");
  say("visibilitychange");
  const got = once(client, "message");
  await client.publish("a", 1);
  await got;
  assertEquals(events.open.length, 1);
  assertEquals(world.asked().length, 2);
});

test("a page that goes says so, and comes back from the cache where it was", async () => {
  await using world = await World.start();
  const client = world.client();
  const got: unknown[] = [];
  client.subscribe("a", (data) => got.push(data));
  await once(client, "open");
  const { id } = client;
  const dropped = new Promise((resolve) =>
    world.engine.on("drop", ({ id }, reason) => resolve([id, reason]))
  );
  say("pagehide");
  assertEquals(client.state, "idle");
  assertEquals(await dropped, [id, "left"]);
  await world.engine.publish("a", 1);
  say("pageshow");
  await until(() => got.length === 1);
  assert(client.id !== id);
});

if (runtime === "bun") {
  test("a page that goes sends a beacon, where there is one and no headers are needed", async () => {
    await using world = await World.start();
    const client = world.client();
    client.subscribe("a", () => {});
    await once(client, "open");
    const sent: string[] = [];
    const { navigator } = globalThis as { navigator: unknown };
    const fake = {
      sendBeacon(url: string) {
        sent.push(url);
        return true;
      },
    };
    const define = (value: unknown) =>
      Object.defineProperty(globalThis, "navigator", {
        value,
        configurable: true,
        writable: true,
      });
    define(fake);
    try {
      const { key } = world.engine.connections.get(client.id!)!;
      client.close();
      assertEquals(sent, [`${world.url}/$leave?key=${key}`]);
    } finally {
      define(navigator);
    }
  });
}
