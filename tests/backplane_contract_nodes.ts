/**
 * What a backplane must do that outlives its nodes, or that several share, as
 * tests; part of the one contract in `backplane_contract.ts`.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { createEngine, type Engine } from "../src/engine.ts";
import type { Frame } from "../src/frame.ts";
import type { Declare } from "./backplane_claims.ts";
import { MANY, publishTo, readAll, seqsOf } from "./backplane_contract_kept.ts";
import { draft, hear } from "./ear.ts";
import { manualClock, until } from "./harness.ts";

/** The clauses for one that is still there when every node has closed it. */
export function lastingContract(it: Declare): void {
  it(
    "a restart keeps the epoch, the seq and the messages",
    async (backplane, ear, place) => {
      await publishTo(backplane, ["a", "b", "a"]);
      const first = await backplane.publish(draft({ time: 9_000_000 }));
      await ear.hears(first.seq);
      await backplane.close();
      const again = await place.open();
      try {
        assertEquals(await again.top(), first);
        const { ear: later, stop } = await hear(again);
        assertEquals(later.epochs, [first]);
        const next = await again.publish(draft());
        await later.hears(next.seq);
        stop();
        assertEquals(next, { epoch: first.epoch, seq: first.seq + 1 });
        assert(later.frames[0]!.time > ear.frames.at(-1)!.time, "time rises");
        const { frames } = await again.read!("a", 0, 10);
        const kept = ear.frames.filter(({ log }) => log === "a");
        assertEquals(frames.map((frame) => ({ ...frame })), [
          ...kept.map((frame) => ({ ...frame })),
          { ...later.frames[0]! },
        ]);
      } finally {
        await again.close();
      }
    },
  );

  it(
    "a feed goes on after a restart from where it was",
    async (backplane, _ear, place) => {
      const first = await backplane.publish(draft());
      await publishTo(backplane, ["a", "b", "$all"]);
      await backplane.close();
      const again = await place.open();
      try {
        const { ear, stop: leave } = await hear(again);
        leave();
        ear.epochs.length = 0;
        const stop = again.feed(first, ear);
        const { seq } = await again.publish(draft());
        await ear.hears(seq);
        stop();
        const lost = Math.max(first.seq, ...ear.lostUpTo);
        const rest = [...Array(seq - lost)].map((_, i) => lost + 1 + i);
        assertEquals([ear.seqs, ear.epochs], [rest, []]);
      } finally {
        await again.close();
      }
    },
  );

  it(
    "a key is still known after a restart (O9)",
    async (backplane, _ear, place) => {
      const first = await backplane.publish(draft({ key: "k" }));
      await backplane.close();
      const again = await place.open();
      try {
        const time = 1_000_005;
        assertEquals(await again.publish(draft({ key: "k", time })), first);
        const other = async () =>
          await again.publish(draft({ key: "k", data: "2" }));
        const { code } = await other().then(
          () => ({ code: "" }),
          (error) => error,
        );
        assertEquals(code, "key_reused");
      } finally {
        await again.close();
      }
    },
  );

  it(
    "a floor is still known after a restart",
    async (backplane, ear, place) => {
      const seqs = await publishTo(backplane, Array(MANY).fill("a"));
      await ear.hears(Math.max(...seqs));
      const before = await readAll(backplane, "a", 0, 64);
      await backplane.close();
      const again = await place.open({ frames: 10 });
      try {
        const { frames, floor } = await readAll(again, "a", 0, 64);
        assertEquals([seqsOf(frames), floor], [
          seqsOf(before.frames),
          before.floor,
        ]);
      } finally {
        await again.close();
      }
    },
    { frames: 10 },
  );
}

function assertRising(frames: readonly Frame[]): void {
  assert(frames.length > 1);
  for (const [i, { time }] of frames.slice(1).entries()) {
    assert(time > frames[i]!.time, `${time} after ${frames[i]!.time}`);
  }
}

/** The clauses for one that several nodes have open at once. */
export function sharedContract(it: Declare): void {
  it(
    "what one node publishes reaches the other, in the one order",
    async (one, ear, place) => {
      const other = await place.open();
      const { ear: second, stop } = await hear(other);
      try {
        const nodes = [one, other];
        const places = await Promise.all(
          [...Array(60)].map((_, i) =>
            nodes[i % 2]!.publish(draft({ data: String(i) }))
          ),
        );
        const top = Math.max(...places.map(({ seq }) => seq));
        await Promise.all([ear.hears(top), second.hears(top)]);
        const seqs = places.map(({ seq }) => seq).sort((a, b) => a - b);
        assertEquals([ear.seqs, second.seqs], [seqs, seqs]);
        assertEquals(new Set(places.map(({ epoch }) => epoch)).size, 1);
        const data = (heard: typeof ear) =>
          new Map(heard.frames.map(({ seq, data }) => [seq, data]));
        assertEquals(data(ear), data(second));
        for (const [i, { seq }] of places.entries()) {
          assertEquals(data(ear).get(seq), String(i), "the place it was told");
        }
      } finally {
        stop();
        await other.close();
      }
    },
  );

  it(
    "time rises strictly in every engine, though nodes whose clocks differ publish at once",
    async (one, _ear, place) => {
      const other = await place.open();
      const engines: Engine[] = [];
      const start = async (preload: number) => {
        const backplane = await place.open();
        const clock = manualClock();
        const engine = createEngine({ backplane, preload, clock });
        engines.push(engine);
        await engine.ready();
        return engine;
      };
      try {
        const live = await start(0);
        const heard: Frame[] = [];
        live.on("message", (frame) => void heard.push(frame));
        const places = await Promise.all([...Array(60)].map((_, i) => {
          const time = 1_005_000 - (i % 2) * 5_000;
          const [log, data] = [`t/${i % 3}`, String(i)];
          const node = i % 2 ? other : one;
          return node.publish(draft({ log, channel: log, data, time }));
        }));
        const seqs = places.map(({ seq }) => seq).sort((a, b) => a - b);
        await until(() => live.node.applied >= seqs.at(-1)!);
        // One that reads the feed's past, and two that read the logs.
        const [late, reads] = [await start(1_000), await start(0)];
        const last = await one.publish(draft({ log: "t/0", channel: "t/0" }));
        for (const { node } of [late, reads]) {
          await until(() => node.applied >= last.seq);
        }
        const whole = [...seqs, last.seq];
        const channel = await reads.history("t/0");
        const pattern = reads.node.logs.open("t/*");
        await reads.node.recovery.fill(pattern, 0);
        assertEquals(seqsOf(heard.slice(0, 60)), seqs);
        assertEquals(seqsOf([...pattern.after(0)]), whole);
        assertRising(heard);
        assertRising([...late.node.logs.open("t/*").after(0)]);
        assertRising([...pattern.after(0)]);
        assertRising(channel.frames);
      } finally {
        for (const engine of engines) await engine.close();
        await other.close();
      }
    },
  );

  it(
    "a key that is used on two nodes at once is published once (O9)",
    async (one, ear, place) => {
      const other = await place.open();
      try {
        const places = await Promise.all(
          [one, other, one, other].map((node, i) =>
            node.publish(draft({ key: "k", time: 1_000_000 + i }))
          ),
        );
        assertEquals(new Set(places.map(({ seq }) => seq)).size, 1);
        const { seq } = await other.publish(draft());
        await ear.hears(seq);
        assertEquals(ear.seqs, [seq - 1, seq]);
      } finally {
        await other.close();
      }
    },
  );

  it(
    "a node that starts late goes on in the same order",
    async (one, ear, place) => {
      const first = await one.publish(draft());
      const other = await place.open();
      const { ear: late, stop } = await hear(other);
      try {
        assertEquals(late.epochs, [first]);
        const { seq } = await one.publish(draft());
        await Promise.all([ear.hears(seq), late.hears(seq)]);
        assertEquals(late.seqs, [seq]);
      } finally {
        stop();
        await other.close();
      }
    },
  );

  it(
    "a node that closes leaves the others as they were",
    async (one, ear, place) => {
      const other = await place.open();
      await other.publish(draft());
      await other.close();
      const { seq } = await one.publish(draft());
      await ear.hears(seq);
      assertEquals(ear.seqs, [seq - 1, seq]);
    },
  );
}
