/**
 * What a backplane must do that outlives its nodes, or that several share, as
 * tests; part of the one contract in `backplane_contract.ts`.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Declare } from "./backplane_claims.ts";
import { MANY, publishTo, readAll, seqsOf } from "./backplane_contract_kept.ts";
import { draft, hear } from "./ear.ts";

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
        const times = second.seqs.map((seq) =>
          second.frames.find((frame) => frame.seq === seq)!.time
        );
        assert(times.every((time, i) => i === 0 || time > times[i - 1]!));
      } finally {
        stop();
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
