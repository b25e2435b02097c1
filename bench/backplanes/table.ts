/**
 * What was found about backplanes, as a Markdown table of medians.
 * @module
 */
import { median } from "../statistics.ts";
import type { Measured } from "./measure.ts";

const COLUMNS: readonly (readonly [name: string, title: string])[] = [
  ["publishP50", "publish p50, ms"],
  ["publishP99", "p99, ms"],
  ["perSecond", "publishes/s, 50 at a time"],
  ["publishCpu", "CPU/publish, µs"],
  ["serviceCpu", "of the service, µs"],
  ["deliveryCpu", "CPU/delivery, µs"],
  ["lastP50", "last of 200 p50, ms"],
  ["otherP50", "other node p50, ms"],
  ["otherP99", "p99, ms"],
];

/** All rounds of one backplane under one runtime. */
export interface Row {
  readonly kind: string;
  readonly runtime: "bun" | "deno";
  readonly rounds: Measured[];
  failure?: string;
}

/** The table; × is divided by memory under the same runtime. */
export function table(rows: readonly Row[]): string {
  const base = (row: Row, name: string) => {
    const memory = rows.find(({ kind, runtime }) =>
      kind === "memory" && runtime === row.runtime
    );
    return memory && middle(memory, name);
  };
  const lines = rows.map((row) => [
    row.kind,
    row.runtime,
    ...COLUMNS.map(([name]) => cell(middle(row, name), base(row, name), row)),
  ]);
  const titles = ["", "on", ...COLUMNS.map(([, title]) => title)];
  const rule = titles.map(() => "---");
  return [titles, rule, ...lines].map((line) => `| ${line.join(" | ")} |`)
    .join("\n");
}

function cell(
  value: number | undefined,
  base: number | undefined,
  { kind }: Row,
): string {
  if (value === undefined) return "–";
  if (kind === "memory" || !base) return rounded(value, 3);
  return `${rounded(value, 3)} ×${rounded(value / base, 2)}`;
}

function rounded(value: number, digits: number): string {
  return value >= 100
    ? Math.round(value).toLocaleString("en-US")
    : value.toPrecision(digits);
}

/** The median of all rounds, where there are any. */
function middle({ rounds }: Row, name: string): number | undefined {
  const found = rounds.map((round) => round[name])
    .filter((value) => value !== undefined);
  return found.length === 0 ? undefined : median(found);
}
