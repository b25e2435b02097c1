/**
 * A run as tables: for the terminal, and as Markdown for the README.
 * @module
 */
import {
  format,
  metrics,
  middle,
  ratio,
  shown,
  withSpread,
} from "../metrics.ts";
import type { Cell, Result } from "../result.ts";
import { isClean, type Sizing } from "../result.ts";
import { range } from "../statistics.ts";
import { answer, checkRows } from "./sizing.ts";

/** What it was measured on, in a line. */
export function machineLine({ machine, versions, load }: Result): string {
  const named = Object.entries(versions).map(([name, version]) =>
    `${name} ${version}`
  );
  const memory = (machine.memory / 2 ** 30).toFixed(0);
  return `${machine.cpu}, ${machine.cores} cores, ${memory} GiB, ` +
    `Linux ${machine.kernel}; ${named.join(", ")}; load on ${load}`;
}

/** Cells that belong into one table. */
export function groups(cells: readonly Cell[]): Cell[][] {
  const found = new Map<string, Cell[]>();
  for (const cell of cells) {
    const key = `${cell.scenario} ${cell.transport}`;
    found.set(key, [...found.get(key) ?? [], cell]);
  }
  return [...found.values()];
}

/** What a group's plan was; where it was measured at several sizes, from … to. */
export function planLine(group: readonly Cell[]): string {
  const [{ plan, scenario }] = group as readonly [Cell];
  const { rate, burst, bytes, seconds, channels } = plan;
  const sizes = range(group.map(({ plan }) => plan.connections));
  const named = [...new Set(sizes)].map((size) => size.toLocaleString("en-US"));
  const parts = [`${named.join(" to ")} connections`];
  if (scenario === "park") return `${parts[0]}, held for ${seconds} s`;
  parts.push(`${rate} messages/s of ${bytes} bytes for ${seconds} s`);
  if (burst > 1) parts.push(`${burst} at a time`);
  if (channels > 1) parts.push(`${channels} channels`);
  return parts.join(", ");
}

/** Whether all deliveries were as they should be, in few words. */
export function verdict(cell: Cell): string {
  if (cell.rounds.length === 0) return "failed";
  const bad = cell.rounds.filter(({ accounts }) =>
    accounts && !isClean(accounts)
  );
  if (cell.rounds.every(({ accounts }) => !accounts)) return "";
  return bad.length === 0 ? "all once" : "FAULTS";
}

/** A group as rows of text; the first has the titles. */
export function rowsOf(
  group: readonly Cell[],
  all: readonly Cell[],
): string[][] {
  const names = shown(group[0]!.scenario).filter((name) =>
    group.some((cell) => middle(cell, name) !== undefined)
  );
  const titles = names.map((name) => {
    const { title, unit } = metrics[name]!;
    return unit === "" ? title : `${title}, ${unit}`;
  });
  return [
    ["", "on", ...titles, "deliveries"],
    ...group.map((cell) => [
      cell.title,
      cell.runtime === "native" ? "" : cell.runtime,
      ...names.map((name) => {
        const times = ratio(cell, all, name);
        const text = withSpread(cell, name);
        return times === undefined ? text : `${text} ×${times.toFixed(2)}`;
      }),
      verdict(cell),
    ]),
  ];
}

/** What is to be said besides, each once. */
export function warnings(cells: readonly Cell[]): string[] {
  const found: string[] = [];
  for (const cell of cells) {
    const name = `${cell.scenario} ${cell.transport}, ${cell.title}` +
      (cell.runtime === "native" ? "" : ` on ${cell.runtime}`);
    cell.rounds.forEach((round, i) => {
      for (const text of round.warnings) {
        found.push(`${name}, round ${i + 1}: ${text}`);
      }
    });
    if (cell.failure !== undefined) found.push(`${name}: ${cell.failure}`);
  }
  return found;
}

/** A run for the terminal. */
export function plain(result: Result): string {
  const parts = [machineLine(result)];
  if (result.size) parts.push("", ...sizing(result.size));
  for (const group of groups(result.cells)) {
    const [cell] = group;
    parts.push(
      `\n${cell!.scenario} (${cell!.transport}): ${planLine(group)}`,
      aligned(rowsOf(group, result.cells)),
    );
  }
  const notes = warnings(result.cells);
  if (notes.length > 0) parts.push("", ...notes.map((note) => `! ${note}`));
  return parts.join("\n");
}

function sizing(size: Sizing): string[] {
  const head = ["", "predicted", "measured", "off by"];
  return [`${answer(size)}.`, aligned([head, ...checkRows(size)])];
}

/** Columns of one width. */
export function aligned(rows: readonly string[][]): string {
  const widths = rows[0]!.map((_, i) =>
    rows.reduce((most, row) => Math.max(most, row[i]!.length), 0)
  );
  return rows.map((row) =>
    row.map((text, i) =>
      i < 2 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!)
    )
      .join("  ").trimEnd()
  ).join("\n");
}

/** What the README's table has: a scenario, a number of it, and its title. */
const HEADLINES = [
  ["park", "memory", "parked, kB each"],
  ["fanout", "cpuPerDelivery", "spaced, CPU µs"],
  ["fanout", "latencyP99", "spaced, p99 ms"],
  ["fanout", "othersP99", "meanwhile others, p99 ms"],
  ["burst", "cpuPerDelivery", "bursts, CPU µs"],
  ["burst", "latencyP99", "bursts, p99 ms"],
] as const;

/** The README's table: a program a row, medians, and what they were measured on. */
export function markdown(result: Result): string {
  const { cells } = result;
  const programs = new Map<string, Cell>();
  for (const cell of cells) {
    programs.set(`${cell.runtime} ${cell.subject}`, cell);
  }
  const found = (one: Cell, scenario: string, name: string) => {
    const cell = cells.find((cell) =>
      cell.scenario === scenario && cell.subject === one.subject &&
      cell.runtime === one.runtime && cell.transport === "sse"
    );
    return cell && middle(cell, name);
  };
  const columns = HEADLINES.filter(([scenario, name]) =>
    cells.some((cell) => found(cell, scenario, name) !== undefined)
  );
  const rows = [...programs.values()].map((one) => [
    one.runtime === "native"
      ? one.title
      : `${one.title}, ${one.runtime[0]!.toUpperCase()}${one.runtime.slice(1)}`,
    ...columns.map(([scenario, name]) => {
      const value = found(one, scenario, name);
      return value === undefined ? "" : format(name, value);
    }),
  ]);
  const head = ["", ...columns.map(([, , title]) => title)];
  const rule = ["-", ...columns.map(() => "-:")];
  const table = [head, rule, ...rows].map((row) => `| ${row.join(" | ")} |`);
  return [...table, "", `${machineLine(result)}.`].join("\n");
}
