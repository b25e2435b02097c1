/**
 * What makes a number less than it seems: said in every report.
 * @module
 */
import { type Accounts, isClean } from "./result.ts";

/** Above this a load process had no time left, in per cent of a core. */
const BUSY = 80;

/** Sends that are later than this shift latencies, in ms. */
const LATE = 10;

/** What is to be said about a round. */
export function warningsOf(
  metrics: Readonly<Record<string, number>>,
  accounts: Accounts | undefined,
): string[] {
  const found: string[] = [];
  const { loadCpu = 0, loadLag = 0, latencyP99 = 0, lateSends = 0 } = metrics;
  const { strangersCpu = 0, stragglers = 0, unanswered = 0 } = metrics;
  if (loadCpu > BUSY) {
    found.push(
      `the load was the bottleneck: one of its processes used ` +
        `${loadCpu.toFixed(0)} % of a core`,
    );
  }
  if (lateSends > LATE) {
    found.push(
      `publishes were sent late: 1 in 100 by ${lateSends.toFixed(0)} ms or ` +
        "more (latencies count from when they were due)",
    );
  }
  if (latencyP99 > 20 && loadLag > latencyP99 / 2) {
    found.push(
      `the load was the bottleneck: 1 in 100 times it was ` +
        `${loadLag.toFixed(0)} ms or more late in reading, and latencies ` +
        "contain that",
    );
  }
  if (unanswered > 0) {
    found.push(
      `${unanswered} requests of others (/healthz) had no good answer`,
    );
  }
  if (strangersCpu > 20) {
    found.push(
      `something else on this machine used ${strangersCpu.toFixed(0)} % of a ` +
        "core",
    );
  }
  if (stragglers > 0) {
    found.push(
      `${stragglers} deliveries were far later than all others: see p99.9 ` +
        "and the maximum",
    );
  }
  if (accounts && !isClean(accounts)) found.push(faults(accounts));
  return found;
}

/** What was wrong with the deliveries, in a sentence. */
export function faults(accounts: Accounts): string {
  const { lost, doubled, foreign, outOfOrder, disagreeing } = accounts;
  const { dropped, failedPublishes, examples } = accounts;
  const parts = [
    [lost, "lost"],
    [doubled, "doubled"],
    [foreign, "delivered to somebody else"],
    [outOfOrder, "out of order"],
  ].filter(([number]) => number !== 0).map(([number, what]) =>
    `${number} ${what}`
  );
  const text = parts.length > 0
    ? [`of ${accounts.expected} deliveries ${parts.join(", ")}`]
    : [];
  if (disagreeing > 0) text.push(`${disagreeing} clients saw another order`);
  if (dropped > 0) text.push(`the server closed ${dropped} connections`);
  if (failedPublishes > 0) text.push(`${failedPublishes} publishes failed`);
  if (examples.length > 0) text.push(`for example ${examples[0]}`);
  return text.join("; ");
}
