/**
 * What every backplane must do, as tests: `backplane.ts` says it in words.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { MaybePromise } from "../src/backplane.ts";
import type { Position } from "../src/position.ts";
import type { Claims, Declare, Place } from "./backplane_claims.ts";
import { keysContract } from "./backplane_contract_keys.ts";
import { keptContract } from "./backplane_contract_kept.ts";
import { lastingContract, sharedContract } from "./backplane_contract_nodes.ts";
import { draft, Ear, hear, refusal } from "./ear.ts";
import { test } from "./harness.ts";

/** Declares the tests that what `make()` opens, called `name`, has to pass. */
export function backplaneContract(
  name: string,
  make: () => MaybePromise<Place>,
  claims: Claims = {},
): void {
  const it: Declare = (clause, body, keeping) =>
    test(`${name}: ${clause}`, async () => {
      const place = await make();
      const backplane = await place.open(keeping);
      const { ear, stop } = await hear(backplane);
      try {
        await body(backplane, ear, place);
      } finally {
        stop();
        await backplane.close();
        await place.remove?.();
      }
    });

  it("it keeps messages if it says so, and says so if it does", (backplane) => {
    const keeps = [backplane.read, backplane.tops].map((way) =>
      way !== undefined
    );
    assertEquals(keeps, [claims.keeps === true, claims.keeps === true]);
    assert(!(claims.shared && backplane.local), "a local one is not shared");
    return Promise.resolve();
  });

  keysContract(it);
  if (claims.keeps) keptContract(it);
  if (claims.lasts) lastingContract(it);
  if (claims.shared) sharedContract(it);

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
    "the largest message an engine takes by default arrives whole",
    async (backplane, ear) => {
      // 262,144 bytes of JSON text, most of them in characters of three.
      const data = `"${"✓".repeat(87_380)}ab"`;
      const { seq } = await backplane.publish(draft({ data }));
      await ear.hears(seq);
      assertEquals(ear.frames[0]!.data, data);
      const reading = await backplane.read?.("a", seq - 1, 1);
      assertEquals(reading?.frames[0]?.data ?? data, data);
    },
  );

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

  it(
    "two feeds on one backplane hear the same, each from its own place",
    async (backplane, ear) => {
      const first = await backplane.publish(draft());
      const second = await hear(backplane);
      assertEquals(second.ear.epochs, [first]);
      const { seq } = await backplane.publish(draft());
      await Promise.all([ear.hears(seq), second.ear.hears(seq)]);
      second.stop();
      assertEquals([ear.seqs, second.ear.seqs], [[first.seq, seq], [seq]]);
      const last = await backplane.publish(draft());
      await ear.hears(last.seq);
      assertEquals(second.ear.seqs, [seq], "it was stopped");
    },
  );

  it(
    "what is under way when it closes is answered, one way or the other",
    async (backplane) => {
      const answer = (async () => await backplane.publish(draft()))();
      await backplane.close();
      const { code } = await answer.then(
        () => ({ code: "" }),
        (error) => error,
      );
      assert(code === "" || code === "unavailable", code);
    },
  );

  it("it may be closed twice", async (backplane) => {
    await backplane.close();
    await backplane.close();
  });

  it("what is published after close is refused as unavailable", async (backplane) => {
    await backplane.close();
    const { code, retryable } = await refusal(() => backplane.publish(draft()));
    assertEquals([code, retryable], ["unavailable", true]);
  });
}
