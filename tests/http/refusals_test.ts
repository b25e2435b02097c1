/** PROTOCOL N8: a refusal that a bare `EventSource` survives. */
import { assert, assertEquals } from "@std/assert";
import { EventSource } from "npm:eventsource@^5.1.0";
import { memory } from "../../src/backplane.ts";
import { type Code, codes, PushError } from "../../src/errors.ts";
import { test } from "../harness.ts";
import { listen, problemOf, start } from "./halley.ts";

/** A server whose policy refuses everybody with `code`. */
function refusing(code: Code, retryAfter?: number) {
  return start({
    policy: {
      identify() {
        throw new PushError(code, undefined, retryAfter);
      },
    },
  });
}

test("every retryable refusal is an event stream that says when to come back (N8)", async () => {
  for (const [name, info] of Object.entries(codes)) {
    await using halley = await refusing(name as Code, 10_000);
    if (name === "kicked") {
      // Who is to stay away asks no more (N12.6).
      const response = await fetch(`${halley.url}/a`);
      assertEquals([response.status, await response.text()], [204, ""]);
      continue;
    }
    // Without another token there is no use in coming back (N12.4).
    if (!info.retryable || name === "token_expired") {
      const response = await fetch(`${halley.url}/a`);
      assertEquals(response.status, info.status);
      assertEquals((await problemOf(response)).code, name);
      continue;
    }
    const listener = await listen(`${halley.url}/a`);
    assertEquals(listener.response.status, 200, name);
    const all = await listener.rest();
    assertEquals(all.length, 1);
    const { event, frame, lastEventId } = all[0]!;
    assertEquals([event, lastEventId], ["control", ""]);
    assertEquals([frame.type, frame.code, frame.retry], ["close", name, true]);
    assertEquals(listener.retry, frame.after);
    // Spread over two seconds, so that not all come back at once.
    assert(frame.after >= 11_000 && frame.after < 13_000, String(frame.after));
  }
});

test("a retryable refusal keeps its status for all but event streams (N8)", async () => {
  await using halley = await refusing("unavailable", 4_500);
  const cases: [accept: string, query: string][] = [
    ["application/json", ""],
    ["application/x-ndjson", ""],
    ["text/event-stream", "?transport=poll"],
    ["text/event-stream", "?transport=stream"],
  ];
  for (const [accept, query] of cases) {
    const response = await fetch(`${halley.url}/a${query}`, {
      headers: { accept },
    });
    assertEquals(response.status, 503);
    assertEquals(response.headers.get("retry-after"), "5");
    assertEquals((await problemOf(response)).code, "unavailable");
  }
  const asked = await listen(`${halley.url}/a?transport=sse`, {
    accept: "application/json",
  });
  assertEquals(asked.response.status, 200);
  await asked.close();
  const post = await fetch(`${halley.url}/a`, {
    method: "POST",
    headers: { accept: "text/event-stream" },
    body: "x",
  });
  assertEquals((await problemOf(post)).code, "unavailable");
});

test("the npm EventSource comes back by itself once there is room (N8)", async () => {
  let full = true;
  let refusals = 0;
  await using halley = await start({
    policy: {
      identify() {
        if (!full) return undefined;
        refusals++;
        // As soon as may be: what is added to it is spread over two seconds.
        throw new PushError("too_many_connections", undefined, 0);
      },
    },
  });
  const source = new EventSource(`${halley.url}/a?since=earliest`);
  const { promise, resolve } = Promise.withResolvers<string>();
  source.onmessage = ({ data }) => resolve(JSON.parse(data).data);
  source.addEventListener("control", ({ data }) => {
    if (JSON.parse(data).type === "close") full = false;
  });
  await halley.engine.publish("a", "at last");
  assertEquals(await promise, "at last");
  assertEquals(refusals, 1);
  source.close();
});

test("the npm EventSource stays away after a final refusal (N8)", async () => {
  await using halley = await refusing("forbidden");
  const source = new EventSource(`${halley.url}/a`);
  const { promise, resolve } = Promise.withResolvers<number | undefined>();
  source.onerror = ({ code }) => resolve(code);
  assertEquals(await promise, 403);
  assertEquals(source.readyState, source.CLOSED);
});

test("an order out of reach is 503 for whoever would miss something (N8)", async () => {
  const inner = memory();
  let broken = false;
  await using halley = await start({
    backplane: {
      ...inner,
      publish(draft) {
        if (broken) throw new PushError("unavailable");
        return inner.publish(draft);
      },
      top() {
        if (broken) throw new Error("connection refused at 10.0.0.7:6379");
        return inner.top();
      },
    },
  });
  const { url, engine } = halley;
  const { id } = await (await fetch(`${url}/a`, { method: "POST", body: "x" }))
    .json();
  broken = true;
  const publish = await fetch(`${url}/a`, { method: "POST", body: "y" });
  assertEquals(publish.headers.get("retry-after"), "1");
  assertEquals((await problemOf(publish)).code, "unavailable");
  const ahead = await fetch(`${url}/a?transport=poll&since=other-5`);
  const problem = await problemOf(ahead);
  assertEquals([problem.code, problem.status], ["unavailable", 503]);
  assert(!problem.detail.includes("10.0.0.7"));
  const stream = await listen(`${url}/a?since=other-5`);
  assertEquals((await stream.frame("close")).code, "unavailable");
  await stream.close();
  // Whoever needs nothing of it is served.
  const known = await fetch(`${url}/a?transport=poll&wait=0&since=${id}`);
  assertEquals(known.status, 200);
  await known.body?.cancel();
  assertEquals(engine.node.applied, 1);
});
