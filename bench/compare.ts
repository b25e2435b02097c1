/**
 * `bench compare A.json B.json`: what changed, and whether it is more than noise.
 * @module
 */
import { format, metrics, shown, values } from "./metrics.ts";
import { aligned } from "./report/text.ts";
import { type Cell, isClean, type Result } from "./result.ts";
import { median, range } from "./statistics.ts";

/** A change below this is none, in per cent. */
const LEAST = 3;

/** From fewer rounds of either nothing can be concluded. */
const ROUNDS = 3;

/** What became of a number. */
export type Verdict = "better" | "worse" | "noise" | "unknown";

/**
 * Compares the rounds of two runs. It is more than noise if the rounds of the one
 * are all above, or all below, those of the other, with a gap that is wider than
 * either of them: by chance that is so once or twice in a hundred.
 */
export function judge(
  name: string,
  before: readonly number[],
  after: readonly number[],
): { change: number; verdict: Verdict } {
  const [old, now] = [median(before), median(after)];
  // What is left of nothing has no share: memory when all have left may be below it.
  const change = old > 0 ? (now / old - 1) * 100 : NaN;
  if (Math.min(before.length, after.length) < ROUNDS) {
    return { change, verdict: "unknown" };
  }
  const [low, high] = range(before);
  const [least, most] = range(after);
  const gap = Math.max(least - high, low - most);
  const apart = gap > Math.max(0, high - low, most - least);
  if (!apart || Math.abs(change) < LEAST) return { change, verdict: "noise" };
  const good = (now > old) === (metrics[name]?.better === "more");
  return { change, verdict: good ? "better" : "worse" };
}

/** What changed from one run to another, as text. */
export function compare(before: Result, after: Result): string {
  const parts: string[] = [];
  for (const difference of differences(before, after)) {
    parts.push(`! ${difference}`);
  }
  const rows: string[][] = [["", "number", "before", "after", "change", ""]];
  for (const cell of after.cells) {
    const former = before.cells.find((other) => same(cell, other));
    if (!former) {
      parts.push(`! only in the second: ${labelOf(cell)}`);
      continue;
    }
    rows.push(...rowsOf(former, cell));
  }
  for (const cell of before.cells) {
    if (after.cells.some((other) => same(cell, other))) continue;
    parts.push(`! only in the first: ${labelOf(cell)}`);
  }
  return [...parts, aligned(rows)].join("\n");
}

function rowsOf(before: Cell, after: Cell): string[][] {
  const rows: string[][] = [];
  const label = labelOf(after);
  if (JSON.stringify(before.plan) !== JSON.stringify(after.plan)) {
    return [[label, "was measured in another way", "", "", "", ""]];
  }
  for (const name of shown(after.scenario)) {
    const [old, now] = [values(before, name), values(after, name)];
    if (old.length === 0 || now.length === 0) continue;
    const { change, verdict } = judge(name, old, now);
    const { title, unit } = metrics[name]!;
    rows.push([
      rows.length === 0 ? label : "",
      `${title}${unit ? `, ${unit}` : ""}`,
      format(name, median(old)),
      format(name, median(now)),
      percent(change),
      verdict === "unknown" ? "too few rounds to tell from noise" : verdict,
    ]);
  }
  const faults = [before, after].map((cell) =>
    cell.rounds.filter(({ accounts }) => accounts && !isClean(accounts)).length
  );
  if (faults[0] !== faults[1]) {
    const [old, now] = faults.map(String);
    const verdict = faults[1]! > faults[0]! ? "worse" : "better";
    rows.push(["", "rounds with faults", old!, now!, "", verdict]);
  }
  return rows;
}

function percent(change: number): string {
  if (Number.isNaN(change)) return "–";
  return `${change >= 0 ? "+" : "−"}${Math.abs(change).toFixed(1)} %`;
}

function same(a: Cell, b: Cell): boolean {
  return a.scenario === b.scenario && a.transport === b.transport &&
    a.runtime === b.runtime && a.subject === b.subject;
}

function labelOf({ scenario, transport, title, runtime }: Cell): string {
  const on = runtime === "native" ? "" : ` on ${runtime}`;
  return `${scenario} ${transport}, ${title}${on}`;
}

function differences(before: Result, after: Result): string[] {
  const found: string[] = [];
  for (const name of ["cpu", "cores", "memory", "kernel"] as const) {
    const [old, now] = [before.machine[name], after.machine[name]];
    if (old !== now) found.push(`another machine: ${name} ${old} → ${now}`);
  }
  for (const name of Object.keys(after.versions)) {
    const [old, now] = [before.versions[name], after.versions[name]];
    if (old !== now) found.push(`another ${name}: ${old} → ${now}`);
  }
  return found;
}
