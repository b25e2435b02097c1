/** The Deno KV backplane: the contract, on real databases where there are any. */
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import type { Backplane } from "../../src/backplane.ts";
import { denoKv } from "../../src/backplane/deno_kv.ts";
import type { KvLike } from "../../src/backplane/kv_shape.ts";
import { createEngine } from "../../src/engine.ts";
import type { Place } from "../backplane_claims.ts";
import { backplaneContract } from "../backplane_contract.ts";
import { readAll, seqsOf } from "../backplane_contract_kept.ts";
import { draft, hear, refusal } from "../ear.ts";
import { runtime, test, until } from "../harness.ts";
import { Folder } from "./files.ts";
import { MemoryKv } from "./memory_kv.ts";

const claims = { keeps: true, lasts: true, shared: true };

function placeOf(kv: KvLike, remove: () => void = () => {}): Place {
  return { open: (history = {}) => denoKv({ kv, history }), remove };
}

backplaneContract("denoKv()", () => placeOf(new MemoryKv()), claims);

if (runtime === "deno") {
  backplaneContract("denoKv(), real, in memory", async () => {
    const kv = await Deno.openKv(":memory:");
    return placeOf(kv, () => kv.close());
  }, claims);

  backplaneContract("denoKv(), real, in a file", async () => {
    const folder = new Folder();
    const kv = await Deno.openKv(folder.file());
    return placeOf(kv, () => {
      kv.close();
      folder[Symbol.dispose]();
    });
  }, claims);
}

/** Runs `body` on a real database, where there is one, and on ours. */
function onEvery(name: string, body: (kv: KvLike) => Promise<void>): void {
  test(name, async () => {
    await body(new MemoryKv());
    if (runtime !== "deno") return;
    const kv = await Deno.openKv(":memory:");
    await body(kv);
    kv.close();
  });
}

async function held(backplane: Backplane, log: string) {
  const { frames, floor } = await backplane.read!(log, 0, 10_000);
  return { seqs: frames.map(({ seq }) => seq), floor };
}

onEvery("orders under two prefixes know nothing of each other", async (kv) => {
  const one = denoKv({ kv });
  const other = denoKv({ kv, prefix: ["other", 7] });
  const first = await one.publish(draft());
  const second = await other.publish(draft());
  assertEquals([first.seq, second.seq], [1, 1]);
  assertNotEquals(first.epoch, second.epoch);
  assertEquals((await held(other, "a")).seqs, [1]);
  await one.close();
  await other.close();
});

onEvery("five nodes that publish at once make one order of it", async (kv) => {
  const nodes = Array.from({ length: 5 }, () => denoKv({ kv }));
  const ears = await Promise.all(nodes.map(hear));
  const places = await Promise.all(
    nodes.flatMap((node, i) =>
      Array.from({ length: 40 }, async (_, n) => {
        // Not all in one turn, which would be one commit.
        for (let turns = n % 7; turns > 0; turns--) await node.top();
        return await node.publish(draft({ log: `l${n % 3}`, data: `${i}` }));
      })
    ),
  );
  const seqs = places.map(({ seq }) => seq).sort((a, b) => a - b);
  assertEquals(seqs, seqs.map((_, i) => i + 1));
  for (const { ear } of ears) {
    await ear.hears(200);
    assertEquals(ear.seqs, seqs);
  }
  for (const node of nodes) await node.close();
});

onEvery(
  "messages of any size up to the limit arrive whole, with their meta",
  async (kv) => {
    const backplane = denoKv({ kv });
    const { ear } = await hear(backplane);
    const meta = JSON.stringify("m".repeat(20_000));
    for (const size of [15_998, 16_000, 59_999, 60_000, 280_000]) {
      const data = JSON.stringify("é".repeat(size));
      const { seq } = await backplane.publish(draft({ data, meta }));
      await ear.hears(seq);
      const [frame] = (await backplane.read!("a", seq - 1, 1)).frames;
      for (const each of [ear.frames.at(-1), frame]) {
        assertEquals([each?.data === data, each?.meta === meta], [true, true]);
      }
    }
    const data = JSON.stringify("x".repeat(600_000));
    const { code, message } = await refusal(() =>
      backplane.publish(draft({ data }))
    );
    assertEquals(code, "too_large");
    assert(message.includes("Deno KV takes 600000"), message);
    await backplane.close();
  },
);

onEvery(
  "what is published at once and too much for one commit is split, in order",
  async (kv) => {
    const backplane = denoKv({ kv });
    const { ear } = await hear(backplane);
    const name = `n/${"ü".repeat(120)}`;
    const places = await Promise.all([
      // Many, long names, and much text: each is beyond another limit.
      ...Array.from({ length: 600 }, () => draft()),
      ...Array.from({ length: 300 }, (_, i) => draft({ log: `${name}${i}` })),
      ...Array.from(
        { length: 12 },
        () => draft({ data: `"${"z".repeat(2e5)}"` }),
      ),
      ...Array.from({ length: 300 }, (_, i) => draft({ key: `${i}` })),
    ].map((each) => backplane.publish(each)));
    assertEquals(places.map(({ seq }) => seq), places.map((_, i) => i + 1));
    await ear.hears(places.length);
    assertEquals(ear.seqs.length, places.length);
    await backplane.close();
  },
);

onEvery(
  "a log keeps as much as it may, and what is dropped leaves no trace",
  async (kv) => {
    const backplane = denoKv({ kv, history: { frames: 20, bytes: 100_000 } });
    const data = JSON.stringify("x".repeat(100));
    for (let i = 0; i < 100; i++) {
      await backplane.publish(draft({ data }));
      const { seqs, floor } = await held(backplane, "a");
      assert(seqs.length >= Math.min(i + 1, 20) && seqs.length <= 23);
      assertEquals([seqs[0], seqs.at(-1)], [floor + 1, i + 1]);
    }
    const large = JSON.stringify("x".repeat(90_000));
    for (let i = 0; i < 5; i++) await backplane.publish(draft({ data: large }));
    assert((await held(backplane, "a")).seqs.length <= 2);
    const left: unknown[] = [];
    for await (const { key } of kv.list({ prefix: ["halley"] })) left.push(key);
    assert(left.length < 20, `${left.length} keys`);
    await backplane.close();
  },
);

onEvery(
  "what is too old goes as other messages come, whatever their log",
  async (kv) => {
    const backplane = denoKv({ kv, history: { age: 1_000 } });
    const at = (time: number, log: string) =>
      backplane.publish(draft({ time, log }));
    await at(5_000, "a");
    await at(5_900, "b");
    await at(5_950, "a");
    await at(6_000, "c");
    assertEquals(
      (await held(backplane, "a")).seqs,
      [1, 3],
      "not older than 1 s",
    );
    await at(6_940, "c");
    assertEquals(await held(backplane, "a"), { seqs: [3], floor: 1 });
    assertEquals(await held(backplane, "b"), { seqs: [], floor: 2 });
    const { tops, floor } = await backplane.tops!();
    assertEquals([[...tops], floor], [[["a", 3], ["c", 5]], 2]);
    await backplane.close();
  },
);

onEvery(
  "all logs together keep the newest of what they may take",
  async (kv) => {
    const backplane = denoKv({ kv, size: 20_000 });
    const data = JSON.stringify("x".repeat(1_000));
    for (let i = 0; i < 60; i++) {
      await backplane.publish(draft({ log: `log/${i % 6}`, data }));
    }
    const { floor } = await backplane.tops!();
    let frames = 0;
    for (let i = 0; i < 6; i++) {
      const { seqs } = await held(backplane, `log/${i}`);
      frames += seqs.length;
      assert(seqs.every((seq) => seq > floor));
    }
    assertEquals(frames, 60 - floor);
    assert(frames > 10 && frames < 20, `${frames}`);
    await backplane.close();
  },
);

onEvery(
  "what is dropped keeps up with any burst, however long the names",
  async (kv) => {
    const backplane = denoKv({ kv, size: 50_000 });
    for (let burst = 0; burst < 8; burst++) {
      await Promise.all(Array.from({ length: 300 }, (_, i) => {
        const log = `${"ü".repeat(120)}/${burst % 2}/${i}`;
        return backplane.publish(draft({ log, channel: log }));
      }));
    }
    let bytes = 0;
    for (const [log] of (await backplane.tops!()).tops) {
      const { frames } = await backplane.read!(log, 0, 100);
      for (const { size } of frames) bytes += size;
    }
    // What the last commit added may still be beyond it.
    assert(bytes > 40_000 && bytes < 100_000, `${bytes}`);
    await backplane.close();
  },
);

onEvery("a key is forgotten after keyAge ms", async (kv) => {
  const backplane = denoKv({ kv, keyAge: 100_000 });
  const at = async (time: number) =>
    (await backplane.publish(draft({ key: "k".repeat(2_000), time }))).seq;
  assertEquals(await at(500_000), 1);
  assertEquals(await at(599_999), 1);
  assertEquals(await at(600_000), 2);
  await backplane.close();
});

test("a page of which some are dropped while it is read is not the last", async () => {
  const kv = new MemoryKv();
  const backplane = denoKv({ kv, history: { frames: 4 } });
  for (let i = 0; i < 4; i++) await backplane.publish(draft());
  const { getMany } = kv;
  kv.getMany = async (keys) => {
    // The messages of a page that is known by now; two of them are dropped first.
    if (keys.length === 3) {
      kv.getMany = getMany;
      await backplane.publish(draft());
      await backplane.publish(draft());
    }
    return await getMany.call(kv, keys);
  };
  const { frames, floor } = await readAll(backplane, "a", 0, 3);
  assertEquals([seqsOf(frames), floor], [[3, 4, 5, 6], 2]);
  await backplane.close();
});

onEvery("two engines on one database are one", async (kv) => {
  const backplanes = [denoKv({ kv }), denoKv({ kv })] as const;
  const [one, other] = backplanes.map((backplane) =>
    createEngine({ backplane })
  ) as [ReturnType<typeof createEngine>, ReturnType<typeof createEngine>];
  for (const backplane of backplanes) await backplane.top();
  const heard = Promise.withResolvers<string>();
  other.on("message", ({ id }) => heard.resolve(id));
  const since = await one.publish("news", 1);
  assertEquals(await heard.promise, since);
  const second = await other.publish("news", 2);
  await until(() => one.node.id === second);
  const history = await one.history("news", { since });
  assertEquals([history.frames.map(({ id }) => id), history.reset], [
    [second],
    false,
  ]);
  await one.close();
  await other.close();
});

test("denoKv() names an option that is wrong", () => {
  const kv = new MemoryKv();
  for (
    const [name, options] of [
      ["history.age", { history: { age: -1 } }],
      ["size", { size: NaN }],
      ["patience", { patience: -1 }],
      ["poll", { poll: 0 }],
    ] as const
  ) assertThrows(() => denoKv({ kv, ...options }), RangeError, `${name} is `);
});
