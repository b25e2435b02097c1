/** Refusals and ends: which are final, and with what a client comes back. */
import { assert, assertEquals } from "@std/assert";
import { test } from "../harness.ts";
import { once, record, until, World } from "./world.ts";

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
    // A poll has a key again as soon as it was answered.
    const reopening = world.asked().findLast(({ query }) =>
      transport !== "poll" || query.get("wait") === "1"
    );
    assertEquals(reopening!.headers.has("push-key"), false);
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

test("cookies go along as credentials say, with all that is asked", async () => {
  await using world = await World.start();
  const asked: unknown[] = [];
  const own = async (credentials?: RequestCredentials) => {
    const client = world.client({
      ...credentials && { credentials },
      fetch(input, init) {
        asked.push([init!.method ?? "GET", init!.credentials]);
        return fetch(input, init);
      },
    });
    client.subscribe("a", () => {});
    await once(client, "open");
    await client.publish("a", 1);
    client.close();
    return asked.splice(0);
  };
  for (const credentials of [undefined, "include", "omit"] as const) {
    assertEquals(await own(credentials), [
      ["GET", credentials],
      ["POST", credentials],
      ["POST", credentials],
    ]);
  }
});

test("headers that never come, or throw, are a failed attempt", async () => {
  await using world = await World.start();
  let asked = 0;
  const client = world.client({
    openTimeout: 500,
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
