/**
 * What a backplane must do that keeps messages, as tests; part of the one contract
 * in `backplane_contract.ts`.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Backplane } from "../src/backplane.ts";
import type { Frame } from "../src/frame.ts";
import type { Declare } from "./backplane_claims.ts";
import { draft, hear } from "./ear.ts";

/** More than one page of any read or feed. */
export const MANY = 1_500;

/** Publishes a message to each log, all at once. */
export async function publishTo(
  backplane: Backplane,
  logs: readonly string[],
): Promise<number[]> {
  const places = logs.map(async (log) => {
    const { seq } = await backplane.publish(draft({ log, channel: log }));
    return seq;
  });
  return await Promise.all(places);
}

/** All of a log above `after`, read in pages of `limit`, and the highest floor. */
export async function readAll(
  backplane: Backplane,
  log: string,
  after = 0,
  limit = 7,
): Promise<{ frames: Frame[]; floor: number }> {
  const frames: Frame[] = [];
  let floor = 0;
  for (let at = after;;) {
    const page = await backplane.read!(log, at, limit);
    assert(page.frames.length <= limit, "no more than was asked for");
    frames.push(...page.frames);
    floor = Math.max(floor, page.floor);
    if (page.next === undefined) return { frames, floor };
    assert(page.next > at, "each page leads on");
    at = page.next;
  }
}

/** Where frames lie in the order. */
export const seqsOf = (frames: readonly Frame[]): number[] =>
  frames.map(({ seq }) => seq);

/** The clauses for a backplane with `read` and `tops`. */
export function keptContract(it: Declare): void {
  it("read gives what a log holds above a place, oldest first", async (backplane) => {
    const { seq } = await backplane.publish(draft());
    for (const log of ["b", "a", "a"]) await backplane.publish(draft({ log }));
    const { epoch } = await backplane.top();
    const all = await backplane.read!("a", seq, 10);
    assertEquals([all.epoch, all.floor <= seq], [epoch, true]);
    assertEquals(seqsOf(all.frames), [seq + 2, seq + 3]);
    const oldest = await backplane.read!("a", seq, 1);
    assertEquals(seqsOf(oldest.frames), [seq + 2]);
    const { tops, ...rest } = await backplane.tops!();
    assertEquals(rest.epoch, epoch);
    const found = new Map(tops);
    assertEquals([found.get("a"), found.get("b")], [seq + 3, seq + 1]);
  });

  it(
    "what is read is what the feed brought, times included",
    async (backplane, ear) => {
      const whole = { from: "someone", meta: '{"ext":1}', data: '"✓\u2028"' };
      await backplane.publish(draft({ ...whole, channel: "tür/ü" }));
      const { seq } = await backplane.publish(draft({ time: 7 }));
      await ear.hears(seq);
      const { frames } = await backplane.read!("a", 0, 10);
      assertEquals(
        frames.map((frame) => ({ ...frame })),
        ear.frames.map((frame) => ({ ...frame })),
      );
    },
  );

  it("a message is read as soon as its publish is answered", async (backplane) => {
    for (let i = 0; i < 20; i++) {
      const { seq } = await backplane.publish(draft());
      const { frames } = await backplane.read!("a", seq - 1, 1);
      assertEquals(seqsOf(frames), [seq]);
    }
  });

  it(
    "a message is read as soon as the feed has brought it",
    async (backplane, ear) => {
      let reading: Promise<unknown> | undefined;
      ear.then = ({ log, seq }) => {
        reading ??= backplane.read!(log, seq - 1, 1)
          .then(({ frames }) => assertEquals(seqsOf(frames), [seq]));
      };
      const { seq } = await backplane.publish(draft());
      await ear.hears(seq);
      await reading;
    },
  );

  it("pages of a read leave out nothing, whatever their size", async (backplane) => {
    const logs = [...Array(40)].map((_, i) => i % 3 ? "a" : "b");
    const seqs = await publishTo(backplane, logs);
    const own = seqs.filter((_, i) => logs[i] === "a").sort((a, b) => a - b);
    for (const limit of [1, 7, own.length, 1_024]) {
      const { frames } = await readAll(backplane, "a", 0, limit);
      assertEquals(seqsOf(frames), own, `pages of ${limit}`);
    }
    assertEquals((await backplane.read!("a", own.at(-1)!, 7)).frames, []);
  });

  it("a name that nobody published to holds nothing and lost nothing", async (backplane) => {
    const { seq } = await backplane.publish(draft());
    const { frames, floor } = await backplane.read!("nobody/s", 0, 10);
    assertEquals([frames, floor < seq], [[], true]);
  });

  it("tops names every log, with its newest, that a read finds", async (backplane) => {
    const logs = [...Array(30)].map((_, i) => i % 4 ? `t/${i}` : "$all");
    const seqs = await publishTo(backplane, [...logs, "t/1"]);
    const { tops, floor } = await backplane.tops!();
    const newest = new Map<string, number>();
    for (const [i, log] of [...logs, "t/1"].entries()) {
      newest.set(log, Math.max(newest.get(log) ?? 0, seqs[i]!));
    }
    assertEquals(new Map([...tops].sort()), new Map([...newest].sort()));
    assert(floor < Math.min(...seqs), "nothing is lost of the others");
  });

  it(
    "what was dropped lies at or below the floor, and nothing else does",
    async (backplane, ear) => {
      const logs = [...Array(MANY)].map((_, i) => i === 20 ? "quiet" : "busy");
      const seqs = await publishTo(backplane, logs);
      await ear.hears(Math.max(...seqs));
      const busy = seqs.filter((_, i) => i !== 20).sort((a, b) => a - b);
      const { frames, floor } = await readAll(backplane, "busy", 0, 7);
      assert(frames.length >= 10, `${frames.length} are held`);
      assert(frames.length < MANY / 2, `${frames.length} are held`);
      assertEquals(seqsOf(frames), busy.filter((seq) => seq > floor));
      assert(busy.includes(floor), "the floor is the newest that is gone");
      const quiet = await backplane.read!("quiet", 0, 10);
      assertEquals(seqsOf(quiet.frames), [seqs[20]], "it lost nothing by that");
      assert(quiet.floor < seqs[20]!);
      const late = await backplane.read!("busy", floor + 5, 3);
      assertEquals(late.floor, floor, "also where none is missing");
      assertEquals(
        new Map((await backplane.tops!()).tops).get("busy"),
        busy.at(-1),
      );
    },
    { frames: 10 },
  );

  it(
    "a feed after an old place brings all above it, or above what it lost",
    async (backplane, ear) => {
      const first = await backplane.publish(draft());
      await publishTo(backplane, Array(MANY).fill("a"));
      await ear.hears(first.seq + MANY);
      const late = await hear(backplane);
      late.stop();
      late.ear.epochs.length = 0;
      const stop = backplane.feed(first, late.ear);
      const { seq } = await backplane.publish(draft());
      await late.ear.hears(seq);
      stop();
      const lost = Math.max(first.seq, ...late.ear.lostUpTo);
      const rest = [...Array(seq - lost)].map((_, i) => lost + 1 + i);
      assertEquals([late.ear.seqs, late.ear.epochs], [rest, []]);
    },
  );
}
