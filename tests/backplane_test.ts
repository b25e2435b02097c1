/** The memory backplane: the contract, and how long it remembers keys. */
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import { type Backplane, digestOf, memory } from "../src/backplane.ts";
import { PushError } from "../src/errors.ts";
import { backplaneContract } from "./backplane_contract.ts";
import { draft, Ear } from "./ear.ts";
import { test } from "./harness.ts";

backplaneContract("memory()", () => ({ open: () => memory() }));

test("memory() begins another epoch each time, at 0", async () => {
  const [one, two] = [await memory().top(), await memory().top()];
  assertNotEquals(one.epoch, two.epoch);
  assertEquals([one.seq, two.seq], [0, 0]);
});

test("memory() delivers before publish() returns", () => {
  const backplane = memory();
  const ear = new Ear();
  backplane.feed(undefined, ear);
  backplane.publish(draft());
  assertEquals(ear.seqs, [1]);
});

test("memory() brings two listeners what one of them publishes meanwhile, in order", () => {
  const backplane = memory();
  const [first, second] = [new Ear(), new Ear()];
  backplane.feed(undefined, first);
  backplane.feed(undefined, second);
  first.then = ({ seq }) => {
    if (seq < 4) backplane.publish(draft());
  };
  backplane.publish(draft());
  for (const { frames } of [first, second]) {
    assertEquals(frames.map(({ seq }) => seq), [1, 2, 3, 4]);
  }
});

test("memory() goes on when a listener throws", () => {
  const backplane = memory();
  const ear = new Ear();
  backplane.feed(undefined, ear);
  ear.then = ({ seq }) => {
    if (seq === 1) throw new Error("by a listener");
  };
  try {
    backplane.publish(draft());
  } catch { /* Whoever published may hear of it. */ }
  backplane.publish(draft());
  assertEquals(ear.seqs.at(-1), 2);
});

async function repeats(backplane: Backplane, key: string, time: number) {
  const { seq } = await backplane.publish(draft({ key, time }));
  return seq;
}

test("memory() forgets a key after keyAge ms", async () => {
  const backplane = memory({ keyAge: 1_000 });
  assertEquals(await repeats(backplane, "k", 5_000), 1);
  assertEquals(await repeats(backplane, "k", 5_999), 1);
  assertEquals(await repeats(backplane, "k", 6_000), 2);
});

test("memory() forgets the oldest key beyond their number", async () => {
  const backplane = memory({ keys: 2 });
  for (const key of ["a", "b", "c"]) await repeats(backplane, key, 1);
  assertEquals(await repeats(backplane, "c", 1), 3);
  assertEquals(await repeats(backplane, "a", 1), 4);
});

test("memory() remembers as many keys as it says", async () => {
  const backplane = memory({ keys: 2 });
  for (const key of ["a", "b"]) await repeats(backplane, key, 1);
  assertEquals(await repeats(backplane, "b", 1), 2);
  assertEquals(await repeats(backplane, "a", 1), 1);
});

test("memory() says what was wrong with a key", async () => {
  const backplane = memory();
  await repeats(backplane, "k", 1);
  const other = async () =>
    await backplane.publish(draft({ key: "k", channel: "b", time: 2 }));
  const error = await assertRejects(other, PushError, "choose a new key");
  assertEquals(error.code, "key_reused");
});

test("digestOf() tells messages apart by channel and data", () => {
  const digests = [
    draft(),
    draft({ data: "2" }),
    draft({ channel: "b" }),
  ].map(digestOf);
  assertEquals(new Set(digests).size, 3);
  assert(digests[0] === digestOf(draft({ time: 7, key: "k", log: "$x" })));
});
