/** Producers that write into a channel: answers that a reader resumes. */
import { assertEquals, assertRejects } from "@std/assert";
import { v } from "../src/deps.ts";
import { createEngine, type Engine } from "../src/engine.ts";
import { PushError } from "../src/errors.ts";
import { type EndReason, type Out, stream } from "../src/respond.ts";
import { HandBackplane } from "./hand_backplane.ts";
import { test, turn } from "./harness.ts";

/** What a channel holds, as data. */
async function held(engine: Engine, name = "answer"): Promise<unknown[]> {
  const { frames } = await engine.history(name);
  return frames.map(({ data }) => JSON.parse(data));
}

function never(): Promise<void> {
  return new Promise(() => {});
}

const last = (reason: EndReason) => ({ end: reason });

test("stream() publishes what is written, and last of all how it ended", async () => {
  const engine = createEngine();
  const answer = engine.channel("answer");
  const reasons: EndReason[] = [];
  const reason = await stream(answer, async (out) => {
    await out.write("to");
    await out.write({ ken: 1 });
  }, { last, onEnd: (reason) => reasons.push(reason) });
  assertEquals([reason, ...reasons], ["done", "done"]);
  assertEquals(await held(engine), ["to", { ken: 1 }, { end: "done" }]);
  assertEquals(await stream(answer, (out) => out.write("!")), "done");
  assertEquals((await held(engine)).at(-1), "!", "last is not needed");
});

test("stream() into a channel is typed as the channel is", async () => {
  const engine = createEngine();
  const schema = v.object({ n: v.number() });
  const answer = engine.channel("answer", { schema });
  const last = () => ({ n: -1 });
  assertEquals(
    await stream(answer, (out) => out.write({ n: 1 }), { last }),
    "done",
  );
  let failure: unknown;
  const reason = await stream(answer, async (out) => {
    // @ts-expect-error: `n` is missing
    await out.write({});
  }, { last, onEnd: (_, error) => failure = error });
  assertEquals(reason, "error");
  assertEquals((failure as PushError).code, "invalid_data");
  assertEquals(await held(engine), [{ n: 1 }, { n: -1 }, { n: -1 }]);
});

test("write() into a channel resolves when the place in the order is certain", async () => {
  const backplane = new HandBackplane({ readable: false });
  const engine = createEngine({ backplane, preload: 0 });
  const gates: (() => void)[] = [];
  const publish = backplane.publish.bind(backplane);
  const slow = async (draft: Parameters<typeof publish>[0]) => {
    await new Promise<void>((resolve) => gates.push(resolve));
    return publish(draft);
  };
  Object.assign(backplane, { publish: slow });
  const written: number[] = [];
  const ended = stream(engine.channel("answer"), async (out) => {
    for (const n of [1, 2]) {
      await out.write(n);
      written.push(n);
    }
  });
  await turn();
  assertEquals([written, gates.length], [[], 1]);
  gates[0]!();
  await turn();
  assertEquals([written, gates.length], [[1], 2]);
  gates[1]!();
  assertEquals([await ended, written], ["done", [1, 2]]);
});

test("a channel that is written to ends as error or timeout, and says so last", async () => {
  const engine = createEngine();
  const answer = engine.channel("answer");
  const failed = await stream(answer, async (out) => {
    await out.write(1);
    throw new Error("secret");
  }, { last });
  let late: Out<unknown> | undefined;
  const silent = await stream(answer, (out) => {
    late = out;
    return never();
  }, { last, timeout: 20 });
  assertEquals([failed, silent], ["error", "timeout"]);
  await assertRejects(() => late!.write("late"), DOMException, "timeout");
  assertEquals(await held(engine), [1, { end: "error" }, { end: "timeout" }]);
});

test("a channel that is written to ends as shutdown, and says so last", async () => {
  const engine = createEngine();
  const abort = new AbortController();
  const { signal } = abort;
  const answer = engine.channel("answer");
  const ended = stream(answer, never, { signal, last });
  abort.abort();
  assertEquals(await ended, "shutdown");
  assertEquals(await stream(answer, never, { signal }), "shutdown");
  assertEquals(await held(engine), [{ end: "shutdown" }]);
});

test("a channel that is written to ends as shutdown when its engine is closed", async () => {
  const engine = createEngine();
  const { signal } = engine;
  const answer = engine.channel("answer");
  const plain = stream(answer, never, { signal });
  const told = stream(answer, never, { signal, last });
  // Waited for from now on: what rejects without that would end the program.
  const reasons = Promise.all([plain, told]);
  const [, all] = await Promise.allSettled([engine.close(), reasons]);
  assertEquals(all, { status: "fulfilled", value: ["shutdown", "shutdown"] });
});

test("stream() into a channel rejects if the end cannot be told", async () => {
  const engine = createEngine();
  const answer = engine.channel("answer", { schema: v.string() });
  const last = () => 1 as unknown as string;
  const { code } = await assertRejects(
    () => stream(answer, () => {}, { last }),
    PushError,
  );
  assertEquals(code, "invalid_data");
});
