/** What an order in Redis keeps, what it forgets, and when it ends. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { redis, type RedisOptions } from "../../src/backplane/redis.ts";
import type { Backplane } from "../../src/backplane.ts";
import { draft, hear } from "../ear.ts";
import { Service, testWith } from "../services.ts";
import { clients, command } from "./redis_clients.ts";

const declare = testWith("redis-server");

/** A test with a server of its own; `open` makes backplanes that are closed after. */
function test(
  name: string,
  body: (
    open: (options?: Partial<RedisOptions>) => Backplane,
    service: Service,
  ) => Promise<void>,
): void {
  declare(name, async () => {
    await using service = await Service.redis();
    const opened: Backplane[] = [];
    try {
      await body((options) => {
        const client = clients.redis!(service.port);
        opened.push(redis({ client, patience: 500, onError() {}, ...options }));
        return opened.at(-1)!;
      }, service);
    } finally {
      for (const backplane of opened) await backplane.close();
    }
  });
}

/** Publishes to each log in turn; the `seq` of each message. */
async function publish(backplane: Backplane, ...logs: string[]) {
  const seqs: number[] = [];
  for (const log of logs) {
    const { seq } = await backplane.publish(draft({ log, channel: log }));
    seqs.push(seq);
  }
  return seqs;
}

test("a log in Redis is bounded by bytes, and knows what it dropped", async (open) => {
  const backplane = open({ history: { bytes: 4_000 } });
  const data = `"${"x".repeat(900)}"`;
  for (let i = 0; i < 8; i++) await backplane.publish(draft({ data }));
  const { frames, floor } = await backplane.read!("a", 0, 100);
  assertEquals([frames.map(({ seq }) => seq), floor], [[5, 6, 7, 8], 4]);
});

test("a log in Redis is bounded by age, and knows what it dropped", async (open) => {
  const backplane = open({ history: { age: 1_000 } });
  for (const time of [5_000, 5_500, 6_000, 6_400]) {
    await backplane.publish(draft({ time }));
  }
  const { frames, floor } = await backplane.read!("a", 0, 100);
  assertEquals([frames.map(({ seq }) => seq), floor], [[2, 3, 4], 1]);
});

test(
  "a log in Redis that has expired has lost all of it",
  async (open, service) => {
    const backplane = open();
    const [, last] = await publish(backplane, "a", "a", "b");
    await command(service.port, "DEL", "{halley}:log:a");
    const gone = await backplane.read!("a", 0, 100);
    assertEquals([gone.frames, gone.floor], [[], last]);
    const [next] = await publish(backplane, "a");
    const { frames, floor } = await backplane.read!("a", 0, 100);
    assertEquals([frames.map(({ seq }) => seq), floor], [[next], last]);
  },
);

test("beyond their number the least recently used names in Redis are forgotten, loudly", async (open) => {
  const backplane = open({ logs: 2 });
  await publish(backplane, "a", "b", "$one", "$two", "a", "c");
  const { tops, floor } = await backplane.tops!();
  const channels = [...tops].filter(([log]) => !log.startsWith("$"));
  assertEquals([channels, floor], [[["a", 5], ["c", 6]], 2]);
  assertEquals((await backplane.read!("b", 0, 9)).floor, 2);
  assertEquals((await backplane.read!("never", 0, 9)).floor, 2);
  assertEquals((await backplane.read!("$one", 0, 9)).frames.length, 1);
  const [again] = await publish(backplane, "b");
  const { frames, floor: own } = await backplane.read!("b", 0, 9);
  assertEquals([frames.map(({ seq }) => seq), own], [[again], 2]);
});

test("many private logs in Redis push out no channel", async (open) => {
  const backplane = open({ logs: 2 });
  await publish(backplane, "a", "$1", "$2", "$3", "$4");
  assertEquals((await backplane.read!("a", 0, 9)).frames.length, 1);
  assertEquals((await backplane.read!("$1", 0, 9)).floor, 3);
});

test("what the feed in Redis no longer holds is said to be lost", async (open) => {
  const backplane = open({ feed: { frames: 3 } });
  const { stop, ear } = await hear(backplane);
  const first = await backplane.publish(draft());
  await publish(backplane, ..."bcdefg");
  stop();
  ear.frames.length = ear.epochs.length = 0;
  const leave = backplane.feed(first, ear);
  const [last] = await publish(backplane, "h");
  await ear.hears(last!);
  leave();
  assertEquals(ear.epochs, []);
  const lost = ear.lostUpTo.at(-1)!;
  assert(lost >= 4, `${lost} is said to be lost`);
  assertEquals(ear.seqs, [...Array(8 - lost)].map((_, i) => lost + 1 + i));
});

test(
  "the feed in Redis is bounded by bytes and age, but keeps the newest",
  async (open, service) => {
    const backplane = open({ feed: { bytes: 1, age: 1 } });
    await publish(backplane, ..."abc");
    assertEquals(await command(service.port, "XLEN", "{halley}:feed"), 1);
  },
);

test("a key in Redis is forgotten by age and beyond their number", async (open) => {
  const backplane = open({ keys: 2, keyAge: 1_000 });
  const seq = async (key: string, time: number) =>
    (await backplane.publish(draft({ key, time }))).seq;
  assertEquals([await seq("a", 5_000), await seq("a", 5_999)], [1, 1]);
  assertEquals([await seq("a", 6_000), await seq("b", 6_000)], [2, 3]);
  assertEquals([await seq("c", 6_000), await seq("b", 6_000)], [4, 3]);
  assertEquals(await seq("a", 6_000), 5);
});

for (const key of ["order", "feed", "logs", "tops"]) {
  test(
    `another order begins if ${key} is gone from Redis`,
    async (open, service) => {
      const backplane = open();
      const { ear, stop } = await hear(backplane);
      const first = await backplane.publish(draft());
      await ear.hears(first.seq);
      await command(service.port, "DEL", `{halley}:${key}`);
      const next = await backplane.publish(draft());
      assertNotEquals(next.epoch, first.epoch);
      await ear.until(({ frames }) => frames.at(-1)?.epoch === next.epoch);
      stop();
      assertEquals(ear.epochs.at(-1), { epoch: next.epoch, seq: 0 });
      const { frames, epoch } = await backplane.read!("a", 0, 9);
      assertEquals(
        [frames.length, epoch],
        [1, next.epoch],
        "nothing of the former",
      );
    },
  );
}

for (const id of ["*", "9999999999999-7"]) {
  for (const begun of [true, false]) {
    test(
      `another order begins if a stranger has written ${id} to the feed in Redis, ${
        begun ? "after" : "before"
      } a message`,
      async (open, service) => {
        const backplane = open();
        const { ear, stop } = await hear(backplane);
        if (begun) await ear.hears((await backplane.publish(draft())).seq);
        const { epoch } = await backplane.top();
        await command(service.port, "XADD", "{halley}:feed", id, "x", "y");
        await ear.until(({ epochs }) => epochs.at(-1)!.epoch !== epoch);
        const next = await backplane.publish(draft());
        await ear.until(({ frames }) => frames.at(-1)?.epoch === next.epoch);
        stop();
        assertEquals(ear.epochs.at(-1), { epoch: next.epoch, seq: 0 });
        assertEquals([next.seq, ear.frames.length], [1, begun ? 2 : 1]);
      },
    );
  }
}

test(
  "what a stranger has written to a log in Redis is dropped with it",
  async (open, service) => {
    const backplane = open();
    const seqs = await publish(backplane, "a", "b");
    for (const log of ["a", "new"]) {
      await command(service.port, "XADD", `{halley}:log:${log}`, "*", "x", "y");
    }
    seqs.push(...await publish(backplane, "a", "new"));
    const place = { frames: [{ seq: seqs[2] }], floor: seqs[0] };
    const { frames, floor } = await backplane.read!("a", 0, 9);
    assertEquals({ frames: frames.map(({ seq }) => ({ seq })), floor }, place);
    assertEquals((await backplane.read!("new", 0, 9)).frames.length, 1);
    assertEquals(seqs, [1, 2, 3, 4], "in the same order");
  },
);

test(
  "a script that Redis has forgotten is sent again, in order",
  async (open, service) => {
    const backplane = open();
    await publish(backplane, "a");
    await command(service.port, "SCRIPT", "FLUSH");
    const places = await Promise.all(
      [2, 3, 4].map(() => backplane.publish(draft())),
    );
    assertEquals(places.map(({ seq }) => seq), [2, 3, 4]);
  },
);

test("two prefixes in one Redis are two orders", async (open) => {
  const [one, two] = [open(), open({ prefix: "other" })];
  await publish(one, "a", "a");
  assertEquals([await publish(two, "a"), await publish(one, "a")], [[1], [3]]);
});

test(
  "a Redis without memory refuses, and what it holds stays",
  async (open, service) => {
    const backplane = open();
    await publish(backplane, "a");
    await command(service.port, "CONFIG", "SET", "maxmemory", "1");
    const refused = await Promise.resolve(backplane.publish(draft()))
      .catch((error) => error);
    assertEquals([refused.code, /OOM/.test(refused.cause.message)], [
      "unavailable",
      true,
    ]);
    await command(service.port, "CONFIG", "SET", "maxmemory", "0");
    assertEquals(await publish(backplane, "a"), [2]);
  },
);
