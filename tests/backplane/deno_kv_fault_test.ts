/** The Deno KV backplane when the database goes away, forgets, or gives no answer. */
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import { denoKv } from "../../src/backplane/deno_kv.ts";
import { createEngine } from "../../src/engine.ts";
import { readyz } from "../../src/operate/probes.ts";
import { createRouter } from "../../src/router.ts";
import { draft, Ear, hear, refusal } from "../ear.ts";
import { test } from "../harness.ts";
import { MemoryKv } from "./memory_kv.ts";

test("a commit that fails is refused as unavailable, and leaves no hole", async () => {
  const kv = new MemoryKv();
  const backplane = denoKv({ kv });
  const { ear } = await hear(backplane);
  await backplane.publish(draft());
  kv.before = () => {
    throw new TypeError("out of reach");
  };
  const error = await refusal(() => backplane.publish(draft({ key: "k" })));
  assertEquals([error.code, error.retryable], ["unavailable", true]);
  assertEquals((error.cause as Error).message, "out of reach");
  kv.before = () => {};
  const { seq } = await backplane.publish(draft({ key: "k" }));
  await ear.hears(seq);
  assertEquals(ear.seqs, [1, 2]);
  await backplane.close();
});

test("a commit whose answer is lost is unknown; its repeat is published once", async () => {
  const kv = new MemoryKv();
  const backplane = denoKv({ kv });
  const { ear } = await hear(backplane);
  kv.after = () => {
    throw new TypeError("the connection was reset");
  };
  const { code } = await refusal(() => backplane.publish(draft({ key: "k" })));
  assertEquals(code, "unavailable");
  kv.after = () => {};
  assertEquals((await backplane.publish(draft({ key: "k" }))).seq, 1);
  const { seq } = await backplane.publish(draft());
  await ear.hears(seq);
  assertEquals(ear.seqs, [1, 2], "the feed has brought what was unknown");
  await backplane.close();
});

test("a node that others overtake at every commit gives up, and says so", async () => {
  const kv = new MemoryKv();
  const [slow, fast] = [denoKv({ kv, patience: 50 }), denoKv({ kv })];
  await slow.publish(draft());
  kv.before = () => kv.touch(["halley", "head"]);
  const error = await refusal(() => slow.publish(draft()));
  assertEquals(error.code, "unavailable");
  assert(String(error.cause).includes("faster"), String(error.cause));
  kv.before = () => {};
  assertEquals((await fast.publish(draft())).seq, 2);
  await slow.close();
  await fast.close();
});

test("feeds cut off from the database bring all of it when it is back, in order", async () => {
  const kv = new MemoryKv();
  const [near, far] = [denoKv({ kv }), denoKv({ kv })];
  const { ear } = await hear(far);
  await near.publish(draft());
  await ear.hears(1);
  kv.cut();
  assertEquals((await refusal(() => far.publish(draft()))).code, "unavailable");
  await assertRejects(async () => await far.top());
  kv.unreachable = false;
  // Others publish while it has not noticed yet.
  for (let i = 0; i < 5; i++) await near.publish(draft());
  await ear.hears(6);
  assertEquals([ear.seqs, ear.lostUpTo, ear.epochs.length], [
    [1, 2, 3, 4, 5, 6],
    [],
    1,
  ]);
  await near.close();
  await far.close();
});

test("a database that has lost everything begins another order, and all are told", async () => {
  const kv = new MemoryKv();
  const [one, other] = [denoKv({ kv }), denoKv({ kv })];
  const ears = [(await hear(one)).ear, (await hear(other)).ear];
  for (let i = 0; i < 3; i++) await one.publish(draft());
  kv.clear();
  for (const ear of ears) {
    await ear.until(({ epochs }) => epochs.length > 1);
    const [before, after] = ear.epochs;
    assertNotEquals(before!.epoch, after!.epoch);
    assertEquals(after!.seq, 0);
  }
  const { epoch, seq } = await one.publish(draft());
  assertEquals([epoch, seq], [ears[0]!.epochs[1]!.epoch, 1]);
  await ears[1]!.until(({ frames }) => frames.at(-1)?.epoch === epoch);
  await one.close();
  await other.close();
});

test("another order is heard from its first message, by whoever followed the former", async () => {
  const kv = new MemoryKv();
  const [one, other] = [denoKv({ kv }), denoKv({ kv })];
  const { ear } = await hear(other);
  for (let i = 0; i < 3; i++) await one.publish(draft());
  await ear.hears(3);
  kv.silent = true;
  // The head alone is lost: what lies there of the former order must not count.
  kv.lose(["halley", "head"]);
  for (let i = 0; i < 2; i++) await one.publish(draft({ data: '"new"' }));
  kv.silent = false;
  kv.touch(["halley", "head"]);
  await ear.until(({ epochs, frames }) =>
    epochs.length > 1 && frames.at(-1)?.seq === 2
  );
  const [, { epoch, seq } = { epoch: "", seq: -1 }] = ear.epochs;
  assertEquals(seq, 0);
  const heard = ear.frames.filter((frame) => frame.epoch === epoch);
  assertEquals(heard.map(({ seq, data }) => [seq, data]), [
    [1, '"new"'],
    [2, '"new"'],
  ]);
  assertEquals((await one.read!("a", 0, 10)).frames.length, 2);
  await one.close();
  await other.close();
});

test("a database that tells of nothing is asked", async () => {
  const kv = new MemoryKv();
  const [one, other] = [denoKv({ kv }), denoKv({ kv, poll: 1 })];
  const { ear } = await hear(other);
  kv.silent = true;
  for (let i = 0; i < 3; i++) await one.publish(draft());
  await ear.hears(3);
  assertEquals(ear.seqs, [1, 2, 3]);
  await one.close();
  await other.close();
});

test("a node that starts while the database is away hears of the order later", async () => {
  const kv = new MemoryKv();
  const before = denoKv({ kv });
  const { epoch } = await before.publish(draft());
  await before.close();
  kv.unreachable = true;
  const backplane = denoKv({ kv });
  const ear = new Ear();
  backplane.feed(undefined, ear);
  assertEquals(
    (await refusal(() => backplane.publish(draft()))).code,
    "unavailable",
  );
  assertEquals(ear.epochs, []);
  kv.unreachable = false;
  await ear.until(({ epochs }) => epochs.length > 0);
  assertEquals(ear.epochs, [{ epoch, seq: 1 }]);
  await backplane.close();
});

test("close() ends what a database out of reach would hold up", async () => {
  const kv = new MemoryKv();
  kv.unreachable = true;
  const backplane = denoKv({ kv });
  backplane.feed(undefined, new Ear());
  backplane.feed({ epoch: "e", seq: 7 }, new Ear());
  await backplane.close();
  assertEquals(
    (await refusal(() => backplane.publish(draft()))).code,
    "unavailable",
  );
});

test("a commit that is never answered is refused in time; its repeat is published once", async () => {
  const kv = new MemoryKv();
  const backplane = denoKv({ kv, patience: 50 });
  const { ear } = await hear(backplane);
  kv.mute = "commits";
  const publish = () => backplane.publish(draft({ key: "k" }));
  const error = await refusal(publish);
  assertEquals([error.code, error.retryable], ["unavailable", true]);
  assert(String(error.cause).includes("not answered"), String(error.cause));
  kv.mute = undefined;
  assertEquals((await publish()).seq, 1);
  const { seq } = await backplane.publish(draft());
  await ear.hears(seq);
  assertEquals(ear.seqs, [1, 2]);
  await backplane.close();
});

test("a database that never answers holds up no question, no feed and no end", async () => {
  const kv = new MemoryKv();
  const near = denoKv({ kv });
  const far = denoKv({ kv, patience: 50, poll: 10 });
  const { ear } = await hear(far);
  const questions = [
    () => far.top(),
    () => far.tops!(),
    () => far.read!("a", 0, 10),
  ];
  kv.mute = "all";
  for (const ask of questions) {
    await assertRejects(async () => await ask(), Error, "not answered");
  }
  kv.mute = undefined;
  for (let i = 0; i < 3; i++) await near.publish(draft());
  await ear.hears(3);
  assertEquals([ear.seqs, ear.lostUpTo], [[1, 2, 3], []]);
  kv.mute = "all";
  const last = refusal(() => far.publish(draft()));
  await far.close();
  assertEquals((await last).code, "unavailable");
  kv.mute = undefined;
  await near.close();
});

test("over a database that never answers publishing is 503, and the server is not ready", async () => {
  const kv = new MemoryKv();
  const backplane = denoKv({ kv, patience: 50 });
  const policy = { allow: () => true };
  const engine = createEngine({ backplane, policy });
  const started = new Promise((resolve) => engine.on("order", resolve));
  const router = createRouter(engine);
  const publish = async () => {
    const headers = { "idempotency-key": "k" };
    const init = { method: "POST", body: "x", headers };
    const response = await router.request("/a", init);
    return [response.status, (await response.json()).code];
  };
  const ready = async () => {
    const response = await readyz(engine)();
    return [response.status, await response.text()];
  };
  await started;
  assertEquals(await ready(), [200, "ready\n"]);
  kv.mute = "all";
  assertEquals(await publish(), [503, "unavailable"]);
  assertEquals(await ready(), [503, "backplane\n"]);
  kv.mute = undefined;
  assertEquals(await publish(), [200, undefined]);
  assertEquals(await ready(), [200, "ready\n"]);
  await engine.close();
});
