/**
 * Adds up what the processes of the load have to say: the order of messages,
 * what is missing, and how long each took to reach everybody.
 * @module
 */
import type { Reported } from "./load/generator.ts";
import type { Published } from "./load/publisher.ts";
import { due, messages, type Plan, unmeasured } from "./plan.ts";
import type { Accounts } from "./result.ts";

/** Settles the books of a run. */
export function account(
  plan: Plan,
  reports: readonly Reported[],
  published: Published,
  sameForAll: boolean,
): Accounts {
  const sum = (name: "expected" | "received" | "lost" | "unread" | "doubled") =>
    reports.reduce((total, report) => total + report[name], 0);
  let outOfOrder = 0;
  for (const { overtaken } of reports) {
    for (const [later, n, times] of overtaken) {
      // Two publishes that overlapped may come in either order.
      const answered = published.answered[n] ?? Infinity;
      if (answered <= (published.sent[later] ?? 0)) outOfOrder += times;
    }
  }
  const lost = sum("lost");
  const doubled = sum("doubled");
  const same = sameForAll && plan.perConnection === plan.channels &&
    !plan.direct && lost + doubled === 0;
  return {
    expected: sum("expected"),
    received: sum("received"),
    lost,
    unread: sum("unread"),
    doubled,
    foreign: reports.reduce((total, report) => total + report.foreign, 0),
    outOfOrder,
    disagreeing: same ? disagreeing(reports) : 0,
    dropped: reports.reduce((total, { dropped }) => total + dropped, 0),
    failedPublishes: published.failed,
    examples: reports.flatMap(({ examples }) => examples).slice(0, 10),
  };
}

/** How many clients saw another order than most of them. */
function disagreeing(reports: readonly Reported[]): number {
  const orders = new Map<number, number>();
  for (const report of reports) {
    for (const [order, clients] of report.orders) {
      orders.set(order, (orders.get(order) ?? 0) + clients);
    }
  }
  const all = [...orders.values()];
  return all.reduce((a, b) => a + b, 0) -
    all.reduce((a, b) => Math.max(a, b), 0);
}

/** Per message: when it was due in s, and its mean and last latency in ms. */
export function perMessage(
  plan: Plan,
  reports: readonly Reported[],
): { at: number; mean: number; last: number }[] {
  const found = [];
  for (let n = unmeasured(plan); n < messages(plan); n++) {
    let [sum, count, last] = [0, 0, 0];
    for (const report of reports) {
      sum += report.sums[n]!;
      count += report.counts[n]!;
      last = Math.max(last, report.last[n]!);
    }
    if (count === 0) continue;
    const at = due(plan, n) / 1_000 - plan.warmUp;
    found.push({ at, mean: sum / count, last });
  }
  return found;
}

/** The same for the plot: at most `points` moments, of which the last one counts. */
export function overTime(
  messages: readonly { at: number; mean: number; last: number }[],
  points = 200,
): [number, number, number][] {
  const moments = new Map<
    number,
    { at: number; mean: number; last: number }[]
  >();
  const span = (messages.at(-1)?.at ?? 0) + 1e-9;
  for (const message of messages) {
    const moment = Math.floor(message.at / span * points);
    const others = moments.get(moment);
    if (others) others.push(message);
    else moments.set(moment, [message]);
  }
  return [...moments.values()].map((part) => {
    const mean = part.reduce((sum, one) => sum + one.mean, 0) / part.length;
    const last = part.reduce((most, one) => Math.max(most, one.last), 0);
    return [part[0]!.at, mean, last];
  });
}
