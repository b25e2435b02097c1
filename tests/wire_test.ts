/** PROTOCOL N1 to N9 in code: requests are checked, frames keep their schemas. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { readFile } from "node:fs/promises";
import { v } from "../src/deps.ts";
import { codes, PushError } from "../src/errors.ts";
import { newKey } from "../src/key.ts";
import {
  ControlFrame,
  LeaveRequest,
  parse,
  PollAnswer,
  Problem,
  PublishAnswer,
  PublishRequest,
  StreamFrame,
  SubscribeRequest,
} from "../src/wire.ts";
import { manualClock, test } from "./harness.ts";
import {
  type Halley,
  listen,
  poll,
  publish,
  type Received,
  start,
  subscribe,
} from "./http/halley.ts";

function refusal(request: () => unknown): { code: string; detail: string } {
  const { code, message } = assertThrows(request, PushError);
  return { code, detail: message };
}

test("parse() takes a subscription as the router hands it over (N1, N5, N6)", () => {
  const key = newKey();
  const asked = parse(SubscribeRequest, {
    channel: ["a/b", "news/**", "*"],
    since: "earliest",
    key,
    wait: "60000",
    transport: "poll",
  });
  assertEquals(asked.wait, 60_000);
  assertEquals(asked.key, key);
  assertEquals(parse(SubscribeRequest, { channel: [] }).channel, []);
});

test("parse() names the field and the fault of a subscription (N8)", () => {
  const cases: [request: object, code: string, detail: string][] = [
    [{ channel: [""] }, "invalid_channel", "it is empty"],
    [{ channel: ["a", "$all"] }, "invalid_channel", "channel.1"],
    [{ channel: ["a"], since: "" }, "invalid_request", "since"],
    [{ channel: ["a"], key: "short" }, "invalid_request", "key"],
    [{ channel: ["a"], wait: "60001" }, "invalid_request", "60000"],
    [{ channel: ["a"], wait: "-1" }, "invalid_request", "milliseconds"],
    [{ channel: ["a"], wait: "1e3" }, "invalid_request", "milliseconds"],
    [{ channel: ["a"], wait: "" }, "invalid_request", "milliseconds"],
    [{ channel: ["a"], wait: "NaN" }, "invalid_request", "milliseconds"],
    [{ channel: ["a"], transport: "ws" }, "invalid_request", "transport"],
    [{ channel: ["a"], other: 1 }, "invalid_request", ""],
    [{}, "invalid_channel", ""],
  ];
  for (const [request, code, detail] of cases) {
    const refused = refusal(() => parse(SubscribeRequest, request));
    assertEquals(refused.code, code, JSON.stringify(request));
    assert(refused.detail.includes(detail), refused.detail);
  }
});

test("parse() names the fault of a publish and of a goodbye (N7, N9)", () => {
  const cases: [request: object, code: string][] = [
    [{ channel: "" }, "invalid_channel"],
    [{ channel: "a/*" }, "invalid_channel"],
    [{ channel: "**" }, "invalid_channel"],
    [{ channel: "a", to: "" }, "invalid_request"],
    [{ channel: "a", to: "**" }, "invalid_request"],
    [{ channel: "a", to: "a b" }, "invalid_request"],
    [{ channel: "a", to: "x".repeat(65) }, "invalid_request"],
    [{ channel: "a", key: "?" }, "invalid_request"],
    [{ channel: "a", idempotencyKey: "" }, "invalid_request"],
    [{ channel: "a", idempotencyKey: "k".repeat(256) }, "invalid_request"],
  ];
  for (const [request, code] of cases) {
    const refused = refusal(() => parse(PublishRequest, request));
    assertEquals(refused.code, code, JSON.stringify(request));
  }
  assertEquals(refusal(() => parse(LeaveRequest, {})).code, "invalid_request");
  parse(PublishRequest, { channel: "a", to: "*", idempotencyKey: "k" });
});

test("parse() shows a value short and without control characters (N8)", () => {
  const name = `\0\r\n\u2028${"x".repeat(300)}\ud800`;
  const { detail } = refusal(() =>
    parse(SubscribeRequest, { channel: [name] })
  );
  assert(detail.length < 150, detail);
  // deno-lint-ignore no-control-regex
  assert(!/[\0-\x1f]/.test(detail), detail);
  assert(detail.isWellFormed());
});

/** What a stream says in a life with everything in it, from `open` to `close`. */
async function life(halley: Halley, accept: string): Promise<Received[]> {
  const { engine, url } = halley;
  const { id } = v.parse(
    PublishAnswer,
    await (await publish(`${url}/old`, 0)).json(),
  );
  // The log of `old` holds one message: the second drops the first.
  await publish(`${url}/old`, 1);
  await publish(`${url}/old`, 2);
  const since = id.replace(/-.*/, "-0");
  const listener = await listen(
    `${url}?channel=old&channel=a/*&since=${since}`,
    { accept },
  );
  const open = await listener.next();
  const reset = await listener.next();
  const old = await listener.next();
  await publish(`${url}/a/b`, { x: ["é", null, 1.5, "\n\u2028"] });
  const first = await listener.next();
  await publish(`${url}/private?to=${open!.frame.connection}`, "you");
  const second = await listener.next();
  await publish(`${url}/all?to=*`, "all");
  const third = await listener.next();
  const { clock, heartbeat } = engine.node.settings;
  engine.sweep(clock.now() + heartbeat);
  const beat = await listener.next();
  engine.drop(open!.frame.connection, "kicked");
  const rest = await listener.rest();
  await listener.close();
  return [open, reset, old, first, second, third, beat, ...rest]
    .map((received) => received!);
}

for (const accept of ["text/event-stream", "application/x-ndjson"]) {
  test(`every frame of ${accept} passes its schema, and every kind is there (N3, N4)`, async () => {
    await using halley = await start({
      clock: manualClock(),
      history: { frames: 1 },
    });
    const all = await life(halley, accept);
    assertEquals(all.map(({ frame }) => frame.type), [
      "open",
      "reset",
      "message",
      "message",
      "message",
      "message",
      "heartbeat",
      "close",
    ]);
    for (const { frame, event } of all) {
      assert(v.is(StreamFrame, frame), JSON.stringify(frame));
      const control = frame.type !== "message";
      assertEquals(v.is(ControlFrame, frame), control);
      if (accept === "application/x-ndjson") assertEquals(event, undefined);
      else assertEquals(event, control ? "control" : "message");
    }
    assertEquals(all[1]!.frame, { type: "reset", channel: "old" });
    assertEquals(all.at(-1)!.frame, {
      type: "close",
      code: "kicked",
      retry: false,
    });
  });
}

test("a foreign epoch gets a reset for all, with the present as its id (N4, N6)", async () => {
  await using halley = await start();
  await publish(`${halley.url}/a`, 1);
  const { listener, open } = await subscribe(
    `${halley.url}/a?since=otherEpoch-7`,
  );
  assertEquals("id" in open, false);
  assertEquals(await listener.frame("reset"), {
    type: "reset",
    id: halley.engine.node.id,
  });
  await listener.close();
});

test("a poll's answer passes its schema, with messages and with resets (N5)", async () => {
  await using halley = await start({ history: { frames: 1 } });
  const { id } = await poll(`${halley.url}/a`);
  for (const n of [1, 2, 3]) await publish(`${halley.url}/a`, n);
  const answer = await poll(`${halley.url}/a`, { since: id! });
  assert(v.is(PollAnswer, answer));
  assertEquals(answer.reset, ["a"]);
  assertEquals(answer.messages.map(({ data }) => data), [3]);
  const foreign = await poll(`${halley.url}/a`, { since: "nonsense" });
  assertEquals(foreign.reset, true);
  assertEquals(foreign.messages, []);
  assertEquals(foreign.id, halley.engine.node.id);
});

test("PROTOCOL.md lists every code with its status and whether to retry (N8)", async () => {
  const file = new URL("../src/PROTOCOL.md", import.meta.url);
  const text = await readFile(file, "utf8");
  const rows = text.matchAll(/^\| `(\w+)` +\| (\d+) +\| (yes|no) +\| \w/gm);
  const told = [...rows].map(([, code, status, retry]) => {
    return [code, { status: Number(status), retryable: retry === "yes" }];
  });
  const known = Object.entries(codes)
    .map(([code, { status, retryable }]) => [code, { status, retryable }]);
  assertEquals(Object.fromEntries(told), Object.fromEntries(known));
});

test("every frame and answer that PROTOCOL.md shows passes its schema (N3 to N8)", async () => {
  const file = new URL("../src/PROTOCOL.md", import.meta.url);
  const text = await readFile(file, "utf8");
  const shown = [
    ...text.matchAll(/^(?:data: )?(\{"(?:type|connection|id|title)":.*\})$/gm),
  ]
    .map(([, json]) => JSON.parse(json!));
  const schemas = [StreamFrame, PollAnswer, PublishAnswer, Problem];
  for (const value of shown) {
    const fits = schemas.some((schema) => v.is(schema, value));
    assert(fits, JSON.stringify(value));
  }
  assert(shown.length > 12, `only ${shown.length} found`);
});
