/**
 * What the numbers of a round mean.
 * @module
 */
import type { Cell } from "./result.ts";
import { median, range } from "./statistics.ts";

/** What a number means. */
export interface Metric {
  readonly title: string;
  readonly unit: string;
  readonly better: "less" | "more";
  /** Whether it is divided by the raw baseline's. */
  readonly ratio?: boolean;
}

const ms = (title: string): Metric => ({ title, unit: "ms", better: "less" });
const kB = (title: string): Metric => ({
  title,
  unit: "kB",
  better: "less",
  ratio: true,
});
const MB = (title: string): Metric => ({ title, unit: "MB", better: "less" });

/** All that are shown and compared; others are in the JSON file only. */
export const metrics: Readonly<Record<string, Metric>> = {
  memory: kB("memory/connection"),
  memorySlope: kB("the same, by the line"),
  memoryAgain: kB("parked a 2nd time"),
  memoryLeft: { ...kB("after all left"), ratio: false },
  idleCpu: { title: "idle CPU/connection", unit: "µs/s", better: "less" },
  cpuPerDelivery: {
    title: "CPU/delivery",
    unit: "µs",
    better: "less",
    ratio: true,
  },
  latencyP50: ms("p50"),
  latencyP90: ms("p90"),
  latencyP99: ms("p99"),
  latencyP999: ms("p99.9"),
  latencyMax: ms("max"),
  lastP50: ms("last one p50"),
  lastP99: ms("last one p99"),
  othersP50: ms("other requests p50"),
  othersP99: ms("other requests p99"),
  deliveriesPerSecond: { title: "deliveries/s", unit: "", better: "more" },
  openPerSecond: { title: "opened/s", unit: "", better: "more" },
  backAfter: ms("all back after"),
  serverCpu: { title: "server CPU", unit: "%", better: "less" },
  rssPeak: MB("peak memory"),
  rssLeft: MB("memory when all left"),
};

const DELIVERING = [
  "cpuPerDelivery",
  "latencyP50",
  "latencyP90",
  "latencyP99",
  "latencyP999",
  "latencyMax",
  "lastP99",
  "othersP99",
  "deliveriesPerSecond",
];

/** The numbers that a scenario is about, in the order of its table. */
export function shown(scenario: string): string[] {
  if (scenario === "park") {
    return [
      "memory",
      "memorySlope",
      "memoryAgain",
      "memoryLeft",
      "idleCpu",
      "othersP99",
      "openPerSecond",
    ];
  }
  if (scenario === "slow") return [...DELIVERING, "rssPeak"];
  if (scenario === "resume") return [...DELIVERING, "backAfter"];
  return DELIVERING;
}

/** A number as people read it, in its unit. */
export function format(name: string, value: number): string {
  const { unit } = metrics[name] ?? { unit: "" };
  if (!Number.isFinite(value)) return "–";
  if (unit === "kB") return digits(value / 1e3);
  if (unit === "MB") return digits(value / 1e6);
  return digits(value);
}

/** Three significant digits, and no more after the point than make sense. */
export function digits(value: number): string {
  const size = Math.abs(value);
  if (size >= 100) return Math.round(value).toLocaleString("en-US");
  return value.toFixed(size >= 10 ? 1 : 2);
}

/** The values of a number in all rounds of a cell. */
export function values(cell: Cell, name: string): number[] {
  return cell.rounds.map(({ metrics }) => metrics[name])
    .filter((value): value is number => value !== undefined);
}

/** Its median, or `undefined` if it was not measured. */
export function middle(cell: Cell, name: string): number | undefined {
  const all = values(cell, name);
  return all.length > 0 ? median(all) : undefined;
}

/** Its median and, of several rounds, the least and the most. */
export function withSpread(cell: Cell, name: string): string {
  const all = values(cell, name);
  if (all.length === 0) return "–";
  const text = format(name, median(all));
  if (all.length === 1) return text;
  const [least, most] = range(all);
  return `${text} (${format(name, least)}–${format(name, most)})`;
}

/** The cell of the raw baseline beside `cell`. */
function baselineOf(
  cell: Cell,
  cells: readonly Cell[],
): Cell | undefined {
  return cells.find((other) =>
    other.subject === "raw" && other.scenario === cell.scenario &&
    other.transport === cell.transport && other.runtime === cell.runtime
  );
}

/** How often the baseline's number goes into a cell's. */
export function ratio(
  cell: Cell,
  cells: readonly Cell[],
  name: string,
): number | undefined {
  if (!metrics[name]?.ratio || cell.subject === "raw") return undefined;
  const baseline = baselineOf(cell, cells);
  const [own, raw] = [middle(cell, name), baseline && middle(baseline, name)];
  return own === undefined || !raw ? undefined : own / raw;
}
