/** What an order in JetStream keeps, what it drops, and what is no part of it. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  jetStream,
  type JetStreamOptions,
} from "../../src/backplane/jetstream.ts";
import type { Backplane } from "../../src/backplane.ts";
import { JetStreamApi } from "../../src/backplane/jetstream_api.ts";
import { OrderStream } from "../../src/backplane/jetstream_stream.ts";
import { readAll, seqsOf } from "../backplane_contract_kept.ts";
import { draft, hear, refusal } from "../ear.ts";
import { until } from "../outside.ts";
import { Service, testWith } from "../services.ts";
import { connections, KEPT } from "./nats_clients.ts";

const declare = testWith("nats-server");

interface Bench {
  open(options?: Partial<JetStreamOptions>): Backplane;
  /** The stream `halley`, as a node has it. */
  stream(): OrderStream;
  /** Publishes as anybody may, or asks the API. */
  send(subject: string, body: unknown): Promise<unknown>;
}

/** A test with a server and a connection of its own. */
function test(name: string, body: (bench: Bench) => Promise<void>): void {
  declare(name, async () => {
    await using service = await Service.nats();
    const connection = await connections["@nats-io/transport-node"]!(
      service.port,
    );
    const opened: Backplane[] = [];
    try {
      await body({
        open(options) {
          const backplane = jetStream({ connection, onError() {}, ...options });
          opened.push(backplane);
          return backplane;
        },
        stream: () =>
          new OrderStream(new JetStreamApi(connection, "halley", 5_000), KEPT),
        async send(subject, body) {
          const text = typeof body === "string" ? body : JSON.stringify(body);
          const bytes = new TextEncoder().encode(text);
          const { data } = await connection.request(subject, bytes as never);
          return JSON.parse(new TextDecoder().decode(data));
        },
      });
    } finally {
      for (const backplane of opened) await backplane.close();
      await connection.close();
    }
  });
}

test("a channel of any name has its own place in a stream", async ({ open }) => {
  const backplane = open();
  const names = [
    "a.b",
    "a*b>c",
    "a b",
    "ä/✓ 𝄞",
    "%2E",
    "$x",
    "~'()!",
    "✓".repeat(85),
  ];
  const { ear, stop } = await hear(backplane);
  for (const log of names) {
    await backplane.publish(draft({ log, channel: log }));
  }
  await ear.hears(names.length);
  stop();
  assertEquals(
    ear.frames.map(({ log, channel }) => [log, channel]),
    names.map((log) => [log, log]),
  );
  assertEquals(
    new Set(new Map((await backplane.tops!()).tops).keys()),
    new Set(names),
  );
  for (const [i, log] of names.entries()) {
    const { frames } = await backplane.read!(log, 0, 10);
    assertEquals(frames.map(({ seq }) => seq), [i + 1], log);
  }
});

test("a stream that is full drops its oldest messages, and says so", async ({ open }) => {
  const backplane = open({ keep: { bytes: 20_000 } });
  const data = `"${"x".repeat(1_000)}"`;
  for (let i = 0; i < 40; i++) {
    await backplane.publish(draft({ log: `l${i}`, data }));
  }
  const { tops, floor } = await backplane.tops!();
  const held = new Map(tops);
  assert(held.size < 20 && held.size > 5, `${held.size} are held`);
  assertEquals(floor, 40 - held.size);
  for (const log of ["l0", "never", "l39"]) {
    assertEquals((await backplane.read!(log, 0, 9)).floor, floor);
  }
});

test("a stream that is there keeps what it was made to keep", async ({ open }) => {
  const first = open({ keep: { frames: 2 } });
  await first.publish(draft());
  const second = open({ keep: { frames: 100 } });
  for (let i = 0; i < 4; i++) await second.publish(draft());
  const { frames, floor } = await second.read!("a", 0, 9);
  assertEquals([frames.map(({ seq }) => seq), floor], [[4, 5], 3]);
});

test("a stream that is not a backplane's is left alone", async ({ open, send }) => {
  await send("$JS.API.STREAM.CREATE.orders", {
    name: "orders",
    subjects: ["orders.>"],
  });
  const backplane = open({ stream: "orders", patience: 300 });
  const { code, cause } = await refusal(() => backplane.publish(draft()));
  assertEquals(code, "unavailable");
  assertEquals((cause as Error).message.includes("choose another name"), true);
});

test("what is no message in a stream has a place, and is said to be lost", async ({ open, send }) => {
  const backplane = open();
  const { ear, stop } = await hear(backplane);
  const { epoch } = await backplane.publish(draft());
  for (const body of ["not ours", { t: "soon" }]) {
    await send(`halley.${epoch}.a`, body);
  }
  await send(`halley.${epoch}.a.b`, "in no log");
  const last = await backplane.publish(draft());
  await ear.hears(last.seq);
  stop();
  assertEquals([last.seq, ear.seqs, ear.lostUpTo], [5, [1, 5], [2, 3, 4]]);
  const { frames } = await backplane.read!("a", 0, 9);
  assertEquals(frames.map(({ seq }) => seq), [1, 5]);
  for (const limit of [1, 2]) {
    const { frames } = await readAll(backplane, "a", 0, limit);
    assertEquals(seqsOf(frames), [1, 5], `pages of ${limit} hide nothing`);
  }
  assertEquals([...(await backplane.tops!()).tops], [["a", 5]]);
});

test("a stream that was purged goes on, and says what it has lost", async ({ open, send }) => {
  const backplane = open();
  const { ear, stop } = await hear(backplane);
  const first = await backplane.publish(draft());
  // What has been read is no loss.
  await ear.hears((await backplane.publish(draft())).seq);
  await send("$JS.API.STREAM.PURGE.halley", {});
  assertEquals((await backplane.read!("a", 0, 9)).floor, 2);
  const next = await backplane.publish(draft());
  await ear.hears(next.seq);
  stop();
  assertEquals(next, { epoch: first.epoch, seq: 3 });
  assertEquals(ear.lostUpTo, []);
});

test("a stream in memory is made so", async ({ open, send }) => {
  await open({ stream: "fast", storage: "memory" }).publish(draft());
  const info = await send("$JS.API.STREAM.INFO.fast", {});
  assertEquals(
    (info as { config: { storage: string } }).config.storage,
    "memory",
  );
});

test("a message that NATS does not take is refused for good, and others go on", async ({ open }) => {
  const backplane = open();
  const { ear } = await hear(backplane);
  const data = JSON.stringify("x".repeat(1_100_000));
  const [large, small] = await Promise.all([
    refusal(() => backplane.publish(draft({ data }))),
    backplane.publish(draft()),
  ]);
  assertEquals([large.code, large.retryable], ["too_large", false]);
  await ear.hears(small.seq);
  assertEquals([ear.seqs, ear.epochs.length], [[1], 1]);
});

test("two streams on one connection are two orders", async ({ open }) => {
  const [one, two] = [open(), open({ stream: "other" })];
  const first = await one.publish(draft());
  const second = await two.publish(draft());
  assertNotEquals(first.epoch, second.epoch);
  assertEquals([first.seq, second.seq], [1, 1]);
});

test("a consumer that is taken away is made anew, and nothing is lost", async ({ open, send }) => {
  const backplane = open();
  const { ear, stop } = await hear(backplane);
  await backplane.publish(draft());
  await ear.hears(1);
  const names = async () => {
    const list = await send("$JS.API.CONSUMER.NAMES.halley", {});
    return (list as { consumers: string[] }).consumers;
  };
  const [name] = await names();
  await send(`$JS.API.CONSUMER.DELETE.halley.${name}`, {});
  const { seq } = await backplane.publish(draft());
  await ear.hears(seq);
  stop();
  assertEquals([ear.seqs, ear.lostUpTo, ear.epochs.length], [[1, 2], [], 1]);
  await until(async () => (await names()).every((other) => other !== name));
});

test("nodes that find an order lost at once begin the same new one", async ({ stream }) => {
  const nodes = Array.from({ length: 8 }, stream);
  const lost = (await nodes[0]!.look()).epoch;
  const begin = async (node: OrderStream) => {
    await node.renew(lost);
    return (await node.look()).epoch;
  };
  const begun = new Set(await Promise.all(nodes.map(begin)));
  // And so does one that comes much later.
  begun.add(await begin(nodes[0]!));
  assertEquals(begun.size, 1, `${[...begun]}`);
  assert(!begun.has(lost));
});

test("a node that reads the end of an order sees to it that the next begins", async ({ open, send }) => {
  const backplane = open();
  const { ear, stop } = await hear(backplane);
  const { epoch } = await backplane.publish(draft());
  // Whoever said so has died before it could give it to the stream.
  await send(`halley.${epoch}.next.epoch`, "another");
  await ear.until(({ epochs }) => epochs.length === 2);
  assertEquals(ear.epochs[1], { epoch: "another", seq: 2 });
  assertEquals(await backplane.publish(draft()), { epoch: "another", seq: 3 });
  await ear.hears(3);
  stop();
  assertEquals([ear.seqs, ear.lostUpTo], [[1, 3], []]);
});
