/**
 * What `bench size` predicted, and what happened, for the page and the terminal.
 * @module
 */
import { digits } from "../metrics.ts";
import type { Sizing } from "../result.ts";
import { escape } from "./svg.ts";

/** How far off a prediction was, in per cent. */
export function error(
  { predicted, measured }: { predicted: number; measured: number },
): number {
  return (measured / predicted - 1) * 100;
}

/** In a sentence, how many fit and why no more. */
export function answer(
  { predicted, bound, checkedAt, tried }: Sizing,
): string {
  const fit = predicted.toLocaleString("en-US");
  const where = checkedAt === predicted
    ? "tried out at that size"
    : `tried out at ${checkedAt.toLocaleString("en-US")}, ` +
      "which is what this machine allows";
  const before = tried === 1
    ? ""
    : `; ${tried - 1} predicted before that ${
      tried === 2 ? "was" : "were"
    } off`;
  return `${fit} connections fit; what ends first is ${bound}; ${where}` +
    before;
}

/** Rows of `what, predicted, measured, off by`. */
export function checkRows({ check }: Sizing): string[][] {
  return check.map((one) => [
    one.name,
    digits(one.predicted),
    digits(one.measured),
    `${error(one) >= 0 ? "+" : "−"}${Math.abs(error(one)).toFixed(0)} %`,
  ]);
}

/** A part of the page. */
export function sizingSection(size: Sizing): string {
  const row = (cells: string[], tag: string) =>
    `<tr>${
      cells.map((cell, i) =>
        `<${i === 0 ? "th" : tag}>${escape(cell)}</${i === 0 ? "th" : tag}>`
      ).join("")
    }</tr>`;
  const allowed = Object.entries(size.allowed).map(([name, number]) => [
    name,
    digits(size.limits[name] ?? NaN),
    Number.isFinite(number)
      ? Math.floor(number).toLocaleString("en-US")
      : "any",
  ]);
  return `<section><h2>How many fit</h2><p>${escape(answer(size))}.</p>
<div class="plots"><div class="scroll"><table><thead>${
    row(["limit", "is", "allows"], "th")
  }</thead><tbody>${
    allowed.map((cells) => row(cells, "td")).join("")
  }</tbody></table></div><div class="scroll"><table><thead>${
    row(["at the size tried", "predicted", "measured", "off by"], "th")
  }</thead><tbody>${
    checkRows(size).map((cells) => row(cells, "td")).join("")
  }</tbody></table></div></div></section>`;
}
