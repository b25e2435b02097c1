/**
 * A Deno KV that answers or fails in time: one that never answers would hold up all
 * that is published, read or fed after it.
 * @module
 */
import { within } from "../silence.ts";
import type { KvLike } from "./kv_shape.ts";

/** The same database, where each answer takes `ms` at most, and an error then. */
export function bounded(kv: KvLike, ms: number): KvLike {
  const late = () => new Error(`Deno KV has not answered within ${ms} ms.`);
  const answer = <T>(promise: Promise<T>) => within(ms, promise, late);
  return {
    getMany: (keys) => answer(kv.getMany(keys)),
    async *list(selector, options) {
      const entries = kv.list(selector, options)[Symbol.asyncIterator]();
      try {
        for (;;) {
          const { done, value } = await answer(entries.next());
          if (done) return;
          yield value;
        }
      } finally {
        // Nobody waits for the end of one that does not answer.
        entries.return?.().catch(() => {});
      }
    },
    atomic() {
      const atomic = kv.atomic();
      return {
        check: (check) => atomic.check(check),
        set: (key, value, options) => atomic.set(key, value, options),
        delete: (key) => atomic.delete(key),
        commit: () => answer(atomic.commit()),
      };
    },
    // Where nothing changes there is nothing to tell.
    watch: (keys) => kv.watch(keys),
  };
}
