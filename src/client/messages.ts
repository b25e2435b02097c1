/**
 * Messages as an async iterator.
 * @module
 */
import { PushError } from "./error.ts";

/** How many messages wait for whoever reads an iterator. */
const ROOM = 1_024;

/**
 * What `begin` passes on, in its order; `begin` returns what stops it. A reader that is
 * more than 1,024 behind gets those, and then the error `overflow`.
 */
export function iterate<T>(
  begin: (take: (value: T) => void, end: () => void) => () => void,
): AsyncGenerator<T, void, void> {
  const queue: T[] = [];
  let error: PushError | undefined;
  let ended = false;
  let wake = () => {};
  const end = () => {
    ended = true;
    stop();
    wake();
  };
  const stop = begin((value) => {
    if (queue.length < ROOM) queue.push(value);
    else {
      error = new PushError("overflow");
      end();
    }
    wake();
  }, end);
  const iterator = async function* () {
    for (;;) {
      while (queue.length > 0) yield queue.shift()!;
      if (error) throw error;
      if (ended) return;
      await new Promise<void>((resolve) => wake = resolve);
    }
  }();
  const finish = iterator.return.bind(iterator);
  iterator.return = (value) => {
    queue.length = 0;
    end();
    return finish(value);
  };
  return iterator;
}
