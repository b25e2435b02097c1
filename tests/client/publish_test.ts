/** Publishing: repeated until it is known to have worked, and published once (N7). */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { PushError } from "../../client.ts";
import { test } from "../harness.ts";
import { once, silence, until, World } from "./world.ts";

test("publish() resolves to the id, and repeats what failed with the same key (N7.4)", async () => {
  await using world = await World.start();
  const client = world.client();
  let attempts = 0;
  world.front = async (_, pass) => {
    // The first is lost on its way, the second on its way back.
    const attempt = ++attempts;
    if (attempt === 1) return new Response(null, { status: 502 });
    const response = await pass();
    return attempt === 2 ? new Response("<html>", { status: 200 }) : response;
  };
  const id = await client.publish("a", { text: "é" });
  const { frames } = await world.engine.history("a");
  assertEquals(frames.map(({ id, data }) => [id, data]), [
    [id, '{"text":"é"}'],
  ]);
  const keys = world.seen.map(({ headers }) => headers.get("idempotency-key"));
  assertEquals(keys.length, 3);
  assertEquals(new Set(keys).size, 1);
  await client.publish("a", { text: "é" });
  const next = world.seen.at(-1)!.headers.get("idempotency-key");
  assert(next && !keys.includes(next));
});

test("publish() gives up an attempt that nobody answers, and tries again", async () => {
  await using world = await World.start();
  const client = world.client({ openTimeout: 500 });
  let attempts = 0;
  world.front = (_, pass) => ++attempts === 1 ? silence() : pass();
  await client.publish("a", 1);
  assertEquals(attempts, 2);
});

test("publish() waits as long as Retry-After says", async () => {
  await using world = await World.start();
  const client = world.client();
  let attempts = 0;
  world.front = (_, pass) =>
    ++attempts === 1
      ? new Response(null, { status: 429, headers: { "retry-after": "1" } })
      : pass();
  const start = performance.now();
  await client.publish("a", 1);
  assert(performance.now() - start >= 990);
});

test("publish() rejects a final refusal at once, and what is under way at close()", async () => {
  await using world = await World.start({
    policy: { allow: (action) => action !== "publish" },
  });
  const client = world.client();
  const error = await assertRejects(() => client.publish("a", 1), PushError);
  assertEquals([error.code, error.retryable], ["unauthorized", false]);
  const invalid = await assertRejects(() => client.publish("..", 1), PushError);
  assertEquals(invalid.code, "invalid_channel");
  assertEquals(world.seen.length, 2);
  world.front = silence;
  const pending = client.publish("a", 1);
  await until(() => world.seen.length === 3);
  client.close();
  assertEquals((await assertRejects(() => pending, PushError)).code, "closed");
});

test("publish() names the connection it comes from (N7.6)", async () => {
  await using world = await World.start();
  const client = world.client();
  client.subscribe("a", () => {});
  await once(client, "open");
  await client.publish("a", 1);
  const { frames: [frame] } = await world.engine.history("a");
  assertEquals(frame!.from, client.id);
});
