/** A client whose tokens end: it asks for another, and loses nothing. */
import { assert, assertEquals } from "@std/assert";
import { jwt } from "../../src/auth/jwt.ts";
import { test } from "../harness.ts";
import { now, SECRET, token } from "../issuer.ts";
import { once, record, until, World } from "./world.ts";

const claims = { subscribe: "a", publish: "a" };

for (const transport of ["stream", "sse", "poll"] as const) {
  test(`a client on ${transport} asks for a new token when its own ends, and loses nothing`, async () => {
    await using world = await World.start({ policy: jwt({ secret: SECRET }) });
    let exp = now() + 600;
    let asked = 0;
    const client = world.client({
      transport,
      headers: async () => {
        asked++;
        return { authorization: `Bearer ${await token({ ...claims, exp })}` };
      },
    });
    const events = record(client);
    const got: unknown[] = [];
    client.subscribe("a", (data) => got.push(data));
    await once(client, "open");
    const { id } = client;
    await client.publish("a", 1);
    await until(() => got.length === 1);
    // A poll may be between two answers, where no response can be ended.
    await until(() => world.engine.connections.get(id!)?.transport);
    const before = asked;
    const end = exp * 1_000;
    exp += 600;
    const reconnect = once(client, "reconnect");
    world.engine.sweep(end);
    assertEquals((await reconnect).code, "token_expired");
    await world.engine.publish("a", 2);
    await until(() => got.length === 2);
    assert(asked > before);
    assertEquals([got, client.id, events.reset], [[1, 2], id, []]);
    assertEquals(events.close, []);
  });
}

test("a client that is given an old token again asks on until it gets a good one", async () => {
  await using world = await World.start({ policy: jwt({ secret: SECRET }) });
  let exp = now() - 1;
  const client = world.client({
    transport: "stream",
    headers: async () => ({
      authorization: `Bearer ${await token({ ...claims, exp })}`,
    }),
  });
  const events = record(client);
  client.subscribe("a", () => {});
  await until(() => events.reconnect.length === 3);
  assertEquals(
    events.reconnect.map(({ code }) => code),
    Array(3).fill("token_expired"),
  );
  exp = now() + 600;
  await once(client, "open");
  assertEquals(events.close, []);
});

test("a client whose token is not good gives up, and says why", async () => {
  await using world = await World.start({ policy: jwt({ secret: SECRET }) });
  const client = world.client({ headers: { authorization: "Bearer x.y.z" } });
  client.subscribe("a", () => {});
  const { code, reason } = await once(client, "close");
  assertEquals(code, "unauthorized");
  assert(reason.includes("not valid"), reason);
});

for (const transport of ["stream", "sse", "poll"] as const) {
  test(`a client on ${transport} that was sent away stays away, and so does another with its token`, async () => {
    await using world = await World.start({ policy: jwt({ secret: SECRET }) });
    const text = await token({ ...claims, iat: now() - 60 });
    const headers = { authorization: `Bearer ${text}` };
    const client = world.client({ transport, headers });
    client.subscribe("a", () => {});
    await once(client, "open");
    await until(() => world.engine.connections.get(client.id!)?.transport);
    const closed = once(client, "close");
    world.engine.dropSubject("ann");
    assertEquals((await closed).code, "kicked");
    const again = world.client({ transport, headers });
    again.subscribe("a", () => {});
    assertEquals((await once(again, "close")).code, "kicked");
  });
}
