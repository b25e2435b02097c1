/** Group commit: what waits for it is written in order, and bounded. */
import { assertEquals, assertRejects } from "@std/assert";
import { createEngine } from "../../src/engine.ts";
import type { Draft } from "../../src/backplane.ts";
import { Commits } from "../../src/backplane/commits.ts";
import { PushError } from "../../src/errors.ts";
import { draft } from "../ear.ts";
import { test } from "../harness.ts";
import { Folder } from "./files.ts";

/** Commits of so many messages each, and what they have written. */
function commitsOf(most: number) {
  const written: string[] = [];
  const sizes: number[] = [];
  const state = { failing: false };
  const commits = new Commits((drafts: readonly Draft[]) => {
    if (state.failing) throw new Error("out of reach");
    const batch = drafts.slice(0, most);
    sizes.push(batch.length);
    return batch.map(({ data }) => ({ epoch: "e1", seq: written.push(data) }));
  });
  return { commits, written, sizes, state };
}

/** How each of `count` messages ends that are published at once. */
async function publishAtOnce(commits: Commits, count: number) {
  const answers = await Promise.allSettled(
    Array.from(
      { length: count },
      async (_, i) => (await commits.publish(draft({ data: String(i) }))).seq,
    ),
  );
  const refused = answers.flatMap((answer) =>
    answer.status === "rejected" ? [answer.reason as PushError] : []
  );
  return { answered: count - refused.length, refused };
}

test("what one commit does not take is written by the next, in order", async () => {
  const { commits, written, sizes } = commitsOf(2);
  const { answered } = await publishAtOnce(commits, 5);
  assertEquals([answered, sizes], [5, [2, 2, 1]]);
  assertEquals(written, ["0", "1", "2", "3", "4"]);
});

test("of more messages than may wait the rest is refused at once, and it goes on", async () => {
  const { commits, written } = commitsOf(200);
  const { answered, refused } = await publishAtOnce(commits, 10_100);
  assertEquals([answered, refused.length], [10_000, 100]);
  assertEquals([refused[0]!.code, refused[0]!.retryable], [
    "unavailable",
    true,
  ]);
  assertEquals(written, [...Array(10_000)].map((_, i) => String(i)));
  assertEquals((await commits.publish(draft())).seq, 10_001);
});

test("what is being written counts among what waits", async () => {
  const begun = Promise.withResolvers<void>();
  const done = Promise.withResolvers<void>();
  const commits = new Commits(async (drafts) => {
    begun.resolve();
    await done.promise;
    return drafts.map((_, i) => ({ epoch: "e1", seq: i + 1 }));
  });
  const first = publishAtOnce(commits, 9_999);
  await begun.promise;
  const second = publishAtOnce(commits, 2);
  done.resolve();
  assertEquals((await first).answered, 9_999);
  assertEquals((await second).answered, 1);
});

test("a commit that fails is told to all that wait for it, and to no other", async () => {
  const { commits, written, state } = commitsOf(2);
  state.failing = true;
  const { refused } = await publishAtOnce(commits, 3);
  assertEquals(refused.map(({ code }) => code), Array(3).fill("unavailable"));
  assertEquals((refused[0]!.cause as Error).message, "out of reach");
  state.failing = false;
  assertEquals((await publishAtOnce(commits, 3)).answered, 3);
  assertEquals(written, ["0", "1", "2"]);
  await commits.close();
  await assertRejects(async () => await commits.publish(draft()), PushError);
});

test("sendTo() reaches any number of connections, though so many may not wait", async () => {
  using folder = new Folder();
  const engine = createEngine({ backplane: folder.open() });
  await engine.ready();
  const ids: string[] = [];
  for (let n = 0; n < 12_000; n++) {
    ids.push((await engine.connect({ channels: ["a"] })).id);
  }
  const sent = await engine.sendTo(ids, "x", 1);
  assertEquals(new Set(sent).size, ids.length);
  await engine.close();
});
