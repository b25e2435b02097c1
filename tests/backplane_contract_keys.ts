/**
 * What every backplane must do with idempotency keys (O9), as tests; part of the
 * one contract in `backplane_contract.ts`.
 * @module
 */
import { assertEquals, assertNotEquals } from "@std/assert";
import type { Declare } from "./backplane_claims.ts";
import { draft, refusal } from "./ear.ts";

/** The clauses about keys. */
export function keysContract(it: Declare): void {
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
    "the same key about another channel of the log is refused (O9)",
    async (backplane) => {
      await backplane.publish(draft({ key: "k" }));
      const again = () => backplane.publish(draft({ key: "k", channel: "b" }));
      assertEquals((await refusal(again)).code, "key_reused");
    },
  );

  it(
    "a key that is repeated before it is answered is published once (O9)",
    async (backplane, ear) => {
      const repeats = [1, 2, 3, 4].map((i) =>
        (async () =>
          await backplane.publish(draft({ key: "k", time: 1_000_000 + i })))()
      );
      const places = await Promise.all(repeats);
      assertEquals(new Set(places.map(({ seq }) => seq)).size, 1);
      const { seq } = await backplane.publish(draft());
      await ear.hears(seq);
      assertEquals(ear.seqs, [places[0]!.seq, places[0]!.seq + 1]);
    },
  );

  it(
    "a refused key leaves no hole, and what is published with it is published",
    async (backplane, ear) => {
      const { seq } = await backplane.publish(draft({ key: "k" }));
      const answers = await Promise.allSettled(
        [{}, { key: "k", data: "2" }, {}].map(async (fields) =>
          await backplane.publish(draft(fields))
        ),
      );
      const seqs = answers.map((answer) =>
        answer.status === "fulfilled" ? answer.value.seq : answer.reason.code
      );
      assertEquals(seqs, [seq + 1, "key_reused", seq + 2]);
      await ear.hears(seq + 2);
      assertEquals(ear.seqs, [seq, seq + 1, seq + 2]);
    },
  );
}
