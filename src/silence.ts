/**
 * How long a process has waited in vain for an answer: while it was busy itself, the
 * answer may have come and lain there unread.
 * @module
 */

/** What time goes by. */
interface Timer {
  /** Calls back after `delay` ms; returns what prevents that. */
  schedule(callback: () => void, delay: number): () => void;
}

/** What may count at once of the time that is waited, in ms. */
const TICK = 100;
/** The last of it: so long whatever has come is taken before anything is said. */
const LAST = 20;

const system: Timer = {
  schedule(callback, delay) {
    const timer = setTimeout(callback, delay);
    return () => clearTimeout(timer);
  },
};

/**
 * Calls `late` after `ms` of waiting; returns what prevents that. It is waited in
 * ticks, and one that comes late counts for no more than the others: after 10 s in
 * which nothing could be read, 100 ms have gone by.
 */
export function onSilence(
  ms: number,
  late: () => void,
  timer: Timer = system,
): () => void {
  let left = ms;
  let cancel = () => {};
  const wait = () => {
    if (left <= 0) return late();
    const tick = left > LAST ? Math.min(TICK, left - LAST) : left;
    left -= tick;
    cancel = timer.schedule(wait, tick);
  };
  wait();
  return () => cancel();
}

/** What `promise` resolves to; rejects with what `why` gives after `ms` of silence. */
export async function within<T>(
  ms: number,
  promise: Promise<T>,
  why: () => Error,
  timer?: Timer,
): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const stop = onSilence(ms, () => reject(why()), timer);
  try {
    return await Promise.race([promise, late]);
  } finally {
    stop();
  }
}
