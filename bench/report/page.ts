/**
 * A run as one HTML page that needs nothing else.
 * @module
 */
import { METHOD } from "../method.ts";
import { metrics, middle, ratio, shown, values } from "../metrics.ts";
import { format } from "../metrics.ts";
import type { Cell, Result, Round } from "../result.ts";
import { line, median, range } from "../statistics.ts";
import { sizingSection } from "./sizing.ts";
import { type Bar, bars, escape, plot, type Series } from "./svg.ts";
import { STYLE } from "./style.ts";
import { groups, machineLine, planLine, verdict, warnings } from "./text.ts";

/** What side by side is shown as bars. */
const BARS = [
  "memory",
  "cpuPerDelivery",
  "latencyP50",
  "latencyP99",
  "othersP99",
  "backAfter",
  "rssPeak",
];

/** Percentiles that the distribution names, by how many nines. */
const NINES = [[0, "0"], [1, "90"], [2, "99"], [3, "99.9"], [
  4,
  "99.99",
]] as const;

/** The page. */
export function page(result: Result): string {
  const { cells, when, command } = result;
  const colours = new Map<string, number>();
  for (const { subject } of cells) {
    if (!colours.has(subject)) colours.set(subject, colours.size % 6);
  }
  const notes = warnings(cells);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Bench of ${escape(when.slice(0, 16).replace("T", " "))}</title>
<style>${STYLE}</style>
<h1>Push servers, measured</h1>
<p class="quiet">${escape(when)}<br>${escape(machineLine(result))}<br>
<code>${escape(command)}</code></p>
<details><summary>How this was measured</summary><ul>${
    METHOD.map((text) => `<li>${escape(text)}</li>`).join("")
  }</ul></details>
${result.size ? sizingSection(result.size) : ""}
${groups(cells).map((group) => section(group, cells, colours)).join("\n")}
${
    notes.length === 0
      ? ""
      : `<h2>What to keep in mind</h2><ul>${
        notes.map((note) => `<li>${escape(note)}</li>`).join("")
      }</ul>`
  }
</html>
`;
}

function name({ title, runtime }: Cell): string {
  return runtime === "native" ? title : `${title}, ${runtime}`;
}

function section(
  group: readonly Cell[],
  all: readonly Cell[],
  colours: ReadonlyMap<string, number>,
): string {
  const [cell] = group;
  const colour = (cell: Cell) => colours.get(cell.subject)!;
  const dashed = ({ runtime }: Cell) => runtime === "deno";
  const measured = group.filter(({ rounds }) => rounds.length > 0);
  const lines = (points: (round: Round) => Series["points"]) =>
    measured.map((cell): Series => ({
      title: name(cell),
      colour: colour(cell),
      dashed: dashed(cell),
      points: points(typical(cell)),
    })).filter(({ points }) => points.length > 0);
  const distribution = lines((round) =>
    (round.distribution ?? []).filter(([percent]) => percent <= 99.99)
      .map(([percent, ms]) => [-Math.log10(1 - percent / 100), ms])
  );
  const overTime = lines((round) =>
    (round.overTime ?? []).map(([at, , last]) => [at, last])
  );
  const plots = [
    memoryPlot(measured, colour),
    plot(
      "Latency distribution",
      { title: "percentile", ticks: NINES },
      { title: "ms", log: true },
      distribution,
    ),
    plot(
      "Until the last one has it",
      { title: "s" },
      { title: "ms", log: true },
      overTime,
    ),
    ...BARS.filter((metric) => shown(cell!.scenario).includes(metric))
      .map((metric) => sideBySide(metric, measured, colour)),
  ];
  return `<section>
<h2>${escape(cell!.scenario)}, ${escape(cell!.transport)}</h2>
<p class="quiet">${escape(planLine(group))}</p>
${legend(measured, colour, dashed)}
<div class="plots">${plots.join("\n")}</div>
<div class="scroll">${table(group, all)}</div>
</section>`;
}

/** The round that stands for all: the one in the middle. */
function typical(cell: Cell): Round {
  const key = cell.scenario === "park" ? "memory" : "latencyP99";
  const by = (round: Round) => round.metrics[key] ?? 0;
  const sorted = cell.rounds.toSorted((a, b) => by(a) - by(b));
  return sorted[(sorted.length - 1) >> 1]!;
}

function memoryPlot(
  cells: readonly Cell[],
  colour: (cell: Cell) => number,
): string {
  const series = cells.flatMap((cell): Series[] => {
    const { memory } = typical(cell);
    if (!memory) return [];
    const { at0, slope } = line(memory.slice(1));
    const most = memory.at(-1)![0];
    const look = { title: name(cell), colour: colour(cell), dashed: true };
    const fitted = [[0, at0], [most, at0 + slope * most]] as const;
    const MB = fitted.map(([n, bytes]) => [n, bytes / 1e6] as const);
    const points = memory.map(([n, bytes]) => [n, bytes / 1e6] as const);
    return [
      { ...look, points: MB },
      { ...look, points, dots: true, dashed: cell.runtime === "deno" },
    ];
  });
  return plot(
    "Memory, with the fitted line",
    { title: "connections" },
    { title: "MB" },
    series,
  );
}

function sideBySide(
  metric: string,
  cells: readonly Cell[],
  colour: (cell: Cell) => number,
): string {
  const { title, unit } = metrics[metric]!;
  const scale = unit === "kB" ? 1e3 : unit === "MB" ? 1e6 : 1;
  const all = cells.flatMap((cell): Bar[] => {
    const found = values(cell, metric).map((value) => value / scale);
    if (found.length === 0) return [];
    const value = median(found);
    const label = name(cell);
    return [{ title: label, colour: colour(cell), value, range: range(found) }];
  });
  return bars(title, unit, all);
}

function legend(
  cells: readonly Cell[],
  colour: (cell: Cell) => number,
  dashed: (cell: Cell) => boolean,
): string {
  const items = cells.map((cell) => {
    const dash = dashed(cell) ? ' stroke-dasharray="5 3"' : "";
    return `<li><svg viewBox="0 0 26 10"><path class="line s${colour(cell)}"` +
      `${dash} d="M1 5H25"/></svg>${escape(name(cell))}</li>`;
  });
  return `<ul class="legend">${items.join("")}</ul>`;
}

function table(group: readonly Cell[], all: readonly Cell[]): string {
  const names = shown(group[0]!.scenario).filter((metric) =>
    group.some((cell) => middle(cell, metric) !== undefined)
  );
  const heads = names.map((metric) => {
    const { title, unit } = metrics[metric]!;
    return `<th>${escape(title)}${unit ? `, ${unit}` : ""}</th>`;
  });
  const rows = group.map((cell) => {
    const fields = names.map((metric) => {
      const found = values(cell, metric);
      if (found.length === 0) return "<td>–</td>";
      const times = ratio(cell, all, metric);
      const [low, high] = range(found);
      const notes = [];
      if (times !== undefined) notes.push(`×${times.toFixed(2)}`);
      if (found.length > 1) {
        notes.push(`${format(metric, low)}–${format(metric, high)}`);
      }
      const small = notes.map((note) => `<small>${note}</small>`).join("");
      return `<td>${format(metric, median(found))}${small}</td>`;
    });
    const said = verdict(cell);
    const look = /FAULTS|failed/.test(said) ? "bad" : "good";
    return `<tr><th scope="row">${escape(name(cell))}</th>${fields.join("")}` +
      `<td class="${look}">${said}</td></tr>`;
  });
  return `<table><thead><tr><th></th>${
    heads.join("")
  }<th>deliveries</th></tr>` +
    `</thead><tbody>${rows.join("")}</tbody></table>`;
}
