/**
 * What every backplane must do, as tests: `backplane.ts` says it in words.
 * @module
 */
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import type { Backplane } from "../src/backplane.ts";
import { PushError } from "../src/errors.ts";
import type { Position } from "../src/position.ts";
import { draft, Ear } from "./ear.ts";
import { test } from "./harness.ts";

async function refusal(action: () => unknown): Promise<PushError> {
  return await assertRejects(async () => await action(), PushError);
}

/** Declares the tests that `make()`, called `name`, has to pass. */
export function backplaneContract(
  name: string,
  make: () => Promise<Backplane> | Backplane,
): void {
  /** Runs `body` with a backplane and an ear on its feed; ends both. */
  const it = (
    clause: string,
    body: (backplane: Backplane, ear: Ear) => Promise<void>,
  ) =>
    test(`${name}: ${clause}`, async () => {
      const backplane = await make();
      const ear = new Ear();
      const stop = backplane.feed(undefined, ear);
      await ear.until(({ epochs }) => epochs.length > 0);
      try {
        await body(backplane, ear);
      } finally {
        stop();
        await backplane.close();
      }
    });

  it(
    "a feed without a place hears the order first, and what is next",
    async (backplane, ear) => {
      const [begun] = ear.epochs;
      assertEquals(await backplane.top(), begun);
      const { epoch, seq } = await backplane.publish(draft());
      await ear.hears(seq);
      assertEquals([epoch, seq], [begun!.epoch, begun!.seq + 1]);
      assertEquals(ear.seqs, [seq]);
    },
  );

  it(
    "every message gets the next seq, whatever its log, without holes",
    async (backplane, ear) => {
      const [{ seq: begun } = { seq: 0 }] = ear.epochs;
      const logs = ["a", "b", "$all", "$someone", "a"];
      for (const log of logs) await backplane.publish(draft({ log }));
      await ear.hears(begun + logs.length);
      assertEquals(ear.seqs, logs.map((_, i) => begun + 1 + i));
      assertEquals(ear.frames.map(({ log }) => log), logs);
    },
  );

  it(
    "messages that are published at once are in one order",
    async (backplane, ear) => {
      const places = await Promise.all(
        [...Array(20)].map((_, i) =>
          backplane.publish(draft({ data: String(i) }))
        ),
      );
      await ear.hears(Math.max(...places.map(({ seq }) => seq)));
      assertEquals(ear.seqs.length, 20);
      for (const [i, { seq }] of places.entries()) {
        const frame = ear.frames.find((frame) => frame.seq === seq);
        assertEquals(frame?.data, String(i), "the place it was told");
      }
    },
  );

  it(
    "time rises with every message, even if the clock does not",
    async (backplane, ear) => {
      const [{ seq: begun } = { seq: 0 }] = ear.epochs;
      for (const time of [2_000, 2_000, 1_000, 3_000]) {
        await backplane.publish(draft({ time }));
      }
      await ear.hears(begun + 4);
      const times = ear.frames.map(({ time }) => time);
      for (const [i, time] of times.slice(1).entries()) {
        assert(time > times[i]!, `${times} rises strictly`);
      }
    },
  );

  it("a message arrives as it was published", async (backplane, ear) => {
    const whole = draft({
      log: "$x",
      channel: "tür/ü",
      data: '{"text":"\\n \u2028 ✓"}',
      from: "someone",
      meta: '{"ext":1}',
    });
    const { epoch, seq } = await backplane.publish(whole);
    await ear.hears(seq);
    const { log, channel, data, from, meta, ...frame } = ear.frames[0]!;
    assertEquals(
      { log, channel, data, from, meta, time: whole.time },
      { ...whole, time: whole.time },
    );
    assertEquals([frame.epoch, frame.seq], [epoch, seq]);
  });

  it("top is the newest place in the order", async (backplane) => {
    const position = await backplane.publish(draft());
    assertEquals(await backplane.top(), position);
  });

  it(
    "a repeated key is answered with the first id, and published once (O9)",
    async (backplane, ear) => {
      const first = await backplane.publish(draft({ key: "k" }));
      const again = await backplane.publish(
        draft({ key: "k", time: 1_000_005 }),
      );
      assertEquals(again, first);
      const { seq } = await backplane.publish(draft());
      await ear.hears(seq);
      assertEquals(ear.seqs, [first.seq, first.seq + 1]);
    },
  );

  it("the same key in another log is another message (O9)", async (backplane) => {
    const first = await backplane.publish(draft({ key: "k" }));
    const other = await backplane.publish(draft({ key: "k", log: "b" }));
    assertNotEquals(other.seq, first.seq);
  });

  it("the same key with other data is refused (O9)", async (backplane) => {
    await backplane.publish(draft({ key: "k" }));
    const again = () => backplane.publish(draft({ key: "k", data: "2" }));
    assertEquals((await refusal(again)).code, "key_reused");
  });

  it(
    "a feed after a place brings what lies above it, or says it is lost",
    async (backplane, ear) => {
      const first = await backplane.publish(draft());
      for (let i = 0; i < 3; i++) await backplane.publish(draft());
      const { seq } = await backplane.top();
      await ear.hears(seq);
      const late = new Ear();
      const stop = backplane.feed(first, late);
      const last = await backplane.publish(draft());
      await late.hears(last.seq);
      stop();
      assertEquals(late.epochs, [], "the order is the same");
      const lost = Math.max(first.seq, ...late.lostUpTo);
      const rest = [...Array(last.seq - lost)].map((_, i) => lost + 1 + i);
      assertEquals(late.seqs, rest);
    },
  );

  it("a feed after the newest place brings what is next, and loses nothing", async (backplane) => {
    const top = await backplane.publish(draft());
    const ear = new Ear();
    const stop = backplane.feed(top, ear);
    const { seq } = await backplane.publish(draft());
    await ear.hears(seq);
    stop();
    assertEquals([ear.seqs, ear.epochs, ear.lostUpTo], [[seq], [], []]);
  });

  it("a feed after a place of another order hears the present one", async (backplane) => {
    const top = await backplane.publish(draft());
    const ear = new Ear();
    const stop = backplane.feed({ epoch: "gone", seq: 7 }, ear);
    await ear.until(({ epochs }) => epochs.length > 0);
    stop();
    assertEquals([ear.epochs, ear.seqs], [[top], []]);
  });

  it(
    "a listener is not called after its stop has returned",
    async (backplane, ear) => {
      const stopped = new Ear();
      const stop = backplane.feed(await backplane.top(), stopped);
      stop();
      const { seq } = await backplane.publish(draft());
      await ear.hears(seq);
      assertEquals(stopped.frames, []);
    },
  );

  it(
    "a listener that stops within a message gets no other",
    async (backplane, ear) => {
      const once = new Ear();
      const stop = backplane.feed(await backplane.top(), once);
      once.then = () => stop();
      await backplane.publish(draft());
      const { seq } = await backplane.publish(draft());
      await ear.hears(seq);
      assertEquals(once.frames.length, 1);
    },
  );

  it(
    "a message published by a listener reaches all, in the one order",
    async (backplane, ear) => {
      const second = new Ear();
      const stop = backplane.feed(await backplane.top(), second);
      let answered: Promise<Position> | undefined;
      ear.then = ({ data }) => {
        if (data !== '"ask"') return;
        answered =
          (async () => await backplane.publish(draft({ data: '"answer"' })))();
      };
      const ask = await backplane.publish(draft({ data: '"ask"' }));
      await ear.hears(ask.seq);
      const answer = await answered!;
      await Promise.all([ear.hears(answer.seq), second.hears(answer.seq)]);
      stop();
      assertEquals(ear.seqs, [ask.seq, answer.seq]);
      assertEquals(second.seqs, [ask.seq, answer.seq]);
      assertEquals(second.frames.map(({ seq }) => seq), second.seqs);
    },
  );

  it("what is published after close is refused as unavailable", async (backplane) => {
    await backplane.close();
    const { code, retryable } = await refusal(() => backplane.publish(draft()));
    assertEquals([code, retryable], ["unavailable", true]);
  });

  it("read gives what a log holds above a place, oldest first", async (backplane) => {
    if (!backplane.read) {
      // It keeps nothing, and offers neither: what a node drops is lost.
      return assertEquals(backplane.tops, undefined);
    }
    const { seq } = await backplane.publish(draft());
    for (const log of ["b", "a", "a"]) await backplane.publish(draft({ log }));
    const { epoch } = await backplane.top();
    const all = await backplane.read("a", seq, 10);
    assertEquals([all.epoch, all.floor <= seq], [epoch, true]);
    assertEquals(all.frames.map(({ seq }) => seq), [seq + 2, seq + 3]);
    const oldest = await backplane.read("a", seq, 1);
    assertEquals(oldest.frames.map(({ seq }) => seq), [seq + 2]);
    const { tops, ...rest } = await backplane.tops!();
    assertEquals(rest.epoch, epoch);
    const found = new Map(tops);
    assertEquals([found.get("a"), found.get("b")], [seq + 3, seq + 1]);
  });
}
