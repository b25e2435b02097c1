/** What a channel's data must look like: issue 3, typed channels. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { v } from "../src/deps.ts";
import { createEngine } from "../src/engine.ts";
import { PushError } from "../src/errors.ts";
import { createRouter } from "../src/router.ts";
import {
  check,
  type SchemaResult,
  type StandardSchema,
} from "../src/schema.ts";
import { test } from "./harness.ts";
import { problemOf, publish, start } from "./http/halley.ts";
import { Recorder } from "./recorder.ts";

const Line = v.object({
  from: v.string(),
  text: v.pipe(v.string(), v.trim(), v.nonEmpty("it says nothing")),
  tags: v.optional(v.array(v.object({ name: v.string() })), []),
});

/** Written by hand, and slow: a number of cents, given as a price in words. */
const price: StandardSchema<string, number> = {
  "~standard": {
    version: 1,
    vendor: "halley",
    async validate(value): Promise<SchemaResult<number>> {
      await Promise.resolve();
      const [, units, cents] = /^(\d+)\.(\d\d)$/.exec(String(value)) ?? [];
      if (units === undefined) return { issues: [{ message: "no price" }] };
      return { value: Number(units) * 100 + Number(cents) };
    },
  },
};

function faulty(...path: (PropertyKey | { key: PropertyKey })[]) {
  const validate = () => ({ issues: [{ message: "bad", path }] });
  return { "~standard": { version: 1 as const, vendor: "test", validate } };
}

async function refusal(promise: Promise<unknown>): Promise<[string, string]> {
  const { code, message } = await assertRejects(() => promise, PushError);
  return [code, message];
}

/** What a channel holds, as data. */
async function held(
  engine: ReturnType<typeof createEngine>,
  name: string,
): Promise<unknown[]> {
  const { frames } = await engine.history(name);
  return frames.map(({ data }) => JSON.parse(data));
}

test("a schema gives publish() its type: what goes in, not what comes out", async () => {
  const engine = createEngine();
  const chat = engine.channel("chat", { schema: Line });
  await chat.publish({ from: "ann", text: "hello" });
  // @ts-expect-error: `text` is missing
  await refusal(chat.publish({ from: "ann" }));
  // @ts-expect-error: `from` is no string
  await refusal(chat.publish({ from: 1, text: "hello" }));
  const prices = engine.channel("prices", { schema: price });
  await prices.publish("1.50");
  // @ts-expect-error: a number is what comes out
  await refusal(prices.publish(150));
  const free = engine.channel("free");
  await free.publish({ anything: true });
  const said = engine.channel<{ n: number }>("said");
  await said.publish({ n: 1 });
  // @ts-expect-error: the type may be named without a schema
  await said.publish({ m: 1 });
});

test("publish() rejects data that do not fit, with the path of the fault", async () => {
  const engine = createEngine();
  const chat = engine.channel("chat", { schema: Line });
  const bad = (data: unknown) => refusal(engine.publish("chat", data));
  const cases: [unknown, string][] = [
    [{ from: "ann", text: "  " }, "data.text: it says nothing"],
    [{ text: "hello" }, "data.from: "],
    [{ from: "a", text: "b", tags: [{ name: "c" }, {}] }, "data.tags.1.name: "],
    [7, "The data: "],
    [undefined, "The data: "],
  ];
  for (const [data, detail] of cases) {
    const [code, message] = await bad(data);
    assertEquals([code, message.slice(0, detail.length)], [
      "invalid_data",
      detail,
    ]);
  }
  assertEquals([engine.node.applied, (await chat.history()).frames], [0, []]);
});

test("publish() rejects what a schema rejects later", async () => {
  const engine = createEngine();
  const prices = engine.channel("prices", { schema: price });
  assertEquals(await refusal(prices.publish("much")), [
    "invalid_data",
    "The data: no price",
  ]);
  assertEquals(engine.node.applied, 0);
});

test("check() names keys and path segments alike, symbols too", async () => {
  const path = ["a", { key: 0 }, Symbol("s"), { key: "b" }];
  assertEquals(await refusal(Promise.try(check, faulty(...path), 1)), [
    "invalid_data",
    "data.a.0.Symbol(s).b: bad",
  ]);
  assertEquals(await refusal(Promise.try(check, faulty(), 1)), [
    "invalid_data",
    "The data: bad",
  ]);
});

test("check() refuses a value even where nobody says why", async () => {
  const silent = faulty();
  silent["~standard"].validate = () => ({ issues: [] });
  assertEquals(await refusal(Promise.try(check, silent, 1)), [
    "invalid_data",
    "The data: it does not fit the channel's schema",
  ]);
});

test("publish() publishes what the schema gives back", async () => {
  const engine = createEngine();
  const chat = engine.channel("chat", { schema: Line });
  const prices = engine.channel("prices", { schema: price });
  const recorder = new Recorder(await engine.connect({ channels: ["**"] }));
  await chat.publish({ from: "ann", text: "  hello ", more: 1 } as never);
  await prices.publish("1.50");
  assertEquals(await held(engine, "chat"), [
    { from: "ann", text: "hello", tags: [] },
  ]);
  assertEquals(await held(engine, "prices"), [150]);
  recorder.flush();
  assertEquals(recorder.got, [1, 2]);
});

test("publish() counts the bytes of what the schema gives back", async () => {
  const engine = createEngine({ limits: { message: 10 } });
  const schema = v.pipe(v.string(), v.transform((text) => text.repeat(10)));
  const loud = engine.channel("loud", { schema });
  assertEquals((await refusal(loud.publish("a")))[0], "too_large");
  const brief = v.pipe(v.string(), v.transform((text) => text.length));
  await engine.channel("brief", { schema: brief }).publish("a long story");
  assertEquals(await held(engine, "brief"), [12]);
});

test("a pattern's schema applies to every channel it covers, after the channel's own", async () => {
  const engine = createEngine();
  engine.channel("room/*", { schema: v.object({ text: v.string() }) });
  engine.channel("room/1", {
    schema: v.pipe(v.string(), v.transform((text) => ({ text }))),
  });
  await engine.publish("room/1", "hello");
  await engine.publish("room/2", { text: "hello" });
  assertEquals(
    (await refusal(engine.publish("room/2", "x")))[0],
    [
      "invalid_data",
    ][0],
  );
  // Elsewhere it says nothing.
  for (const name of ["room", "rooms/1", "room/1/x"]) {
    await engine.publish(name, 1);
  }
  assertEquals(await held(engine, "room/1"), [{ text: "hello" }]);
  engine.channel("**", { schema: v.record(v.string(), v.string()) });
  assertEquals(
    (await refusal(engine.publish("rooms/1", 1)))[0],
    [
      "invalid_data",
    ][0],
  );
});

test("a schema replaces the former one, and stays where another handle has none", async () => {
  const engine = createEngine();
  engine.channel("a", { schema: v.number() });
  engine.channel("a");
  engine.channel("a", { history: { frames: 3 } });
  await refusal(engine.publish("a", "text"));
  engine.channel("a", { schema: v.string() });
  await engine.publish("a", "text");
  await refusal(engine.publish("a", 1));
});

test("sendTo() and sendToAll() are checked by the channel they are about", async () => {
  const engine = createEngine();
  engine.channel("prices", { schema: price });
  const recorder = new Recorder(await engine.connect({ channels: ["x"] }));
  const { id } = recorder.connection;
  const sends = [
    (data: unknown) => engine.sendTo(id, "prices", data),
    (data: unknown) => engine.sendTo([id], "prices", data),
    (data: unknown) => engine.sendToAll("prices", data),
  ];
  for (const send of sends) {
    assertEquals((await refusal(send("none")))[0], "invalid_data");
    await send("0.07");
  }
  recorder.flush();
  const got = recorder.written.flatMap((piece) =>
    "frames" in piece ? piece.frames.map(({ data }) => data) : []
  );
  assertEquals(got, ["7", "7", "7"]);
});

test("a repeat is known by what the schema gives back (O9)", async () => {
  const engine = createEngine();
  const chat = engine.channel("chat", { schema: Line });
  const say = (text: string) =>
    chat.publish({ from: "ann", text }, { key: "k" });
  assertEquals(await say(" hello "), await say("hello"));
  assertEquals((await refusal(say("bye")))[0], "key_reused");
});

test("POST answers 422 with the path of the fault, and publishes what fits (N7, N8)", async () => {
  await using halley = await start();
  const { engine, url } = halley;
  engine.channel("chat", { schema: Line });
  engine.channel("prices/*", { schema: price });
  const cases: [string, unknown, string][] = [
    ["chat", { from: "ann", text: " " }, "data.text: it says nothing"],
    ["chat?to=*", { from: "ann", text: " " }, "data.text: it says nothing"],
    ["prices/tea", "dear", "The data: no price"],
  ];
  for (const [path, data, expected] of cases) {
    const response = await publish(`${url}/${path}`, data);
    const { status, code, title, detail } = await problemOf(response);
    assertEquals([status, code, title, detail], [
      422,
      "invalid_data",
      "The data does not fit the channel.",
      expected,
    ]);
  }
  assertEquals(engine.node.applied, 0, "a refused request changes nothing");
  const text = await fetch(`${url}/prices/tea`, {
    method: "POST",
    body: "1.20",
  });
  assertEquals(text.status, 200);
  await text.body!.cancel();
  assertEquals(await held(engine, "prices/tea"), [120]);
});

test("POST shows only the beginning of what does not fit (N8)", async () => {
  const engine = createEngine({ policy: { allow: () => true } });
  engine.channel("a", { schema: v.object({ n: v.number() }) });
  const response = await createRouter(engine).request("/a", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ n: "x".repeat(100_000) }),
  });
  const { code, detail } = await problemOf(response);
  assertEquals(code, "invalid_data");
  assert(detail.startsWith("data.n: "), detail.slice(0, 100));
  assert(detail.length < 400, `${detail.length} characters of detail`);
});

test("a schema that throws is a fault of the server, not of the data (N8)", async () => {
  const engine = createEngine({ policy: { allow: () => true } });
  const errors: unknown[] = [];
  engine.on("error", (error) => void errors.push(error));
  const broken = faulty();
  const failure = new Error("secret");
  broken["~standard"].validate = () => {
    throw failure;
  };
  engine.channel("a", { schema: broken });
  await assertRejects(() => engine.publish("a", 1), Error, "secret");
  const response = await createRouter(engine).request("/a", {
    method: "POST",
    body: "x",
  });
  const { code, detail } = await problemOf(response);
  assertEquals([code, detail.includes("secret")], ["internal", false]);
  assertEquals(errors, [failure]);
});
