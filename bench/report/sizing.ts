/**
 * What `bench size` predicted, and what happened, for the page and the terminal.
 * @module
 */
import { digits } from "../metrics.ts";
import type { Check, Sizing } from "../result.ts";
import { escape } from "./svg.ts";

/** How far off a prediction was, in per cent. */
export function error({ predicted, measured }: Check): number {
  return (measured / predicted - 1) * 100;
}

/** Above a limit by less than this is at the limit, in per cent. */
const AT_LIMIT = 1;

/** In a sentence, how many fit and why no more, and what the trial showed. */
export function answer(
  { predicted, bound, checkedAt, check, clean, before }: Sizing,
): string {
  const fit = predicted.toLocaleString("en-US");
  const at = checkedAt.toLocaleString("en-US");
  if (predicted < checkedAt) {
    return `${fit} connections fit; what ends first is ${bound}; fewer than ` +
      `${at} were not tried out`;
  }
  const parts = [
    `${fit} connections fit`,
    `what ends first is ${bound}`,
    checkedAt === predicted
      ? "tried out at that size"
      : `tried out at ${at}, which is what this machine allows`,
  ];
  for (const { name, measured, limit } of check) {
    const over = limit === null ? 0 : (measured / limit - 1) * 100;
    if (over >= AT_LIMIT) {
      const [what] = name.split(",");
      parts.push(`${what} was ${over.toFixed(0)} % over its limit there`);
    }
  }
  if (!clean) parts.push("not every delivery was as it should be there");
  for (const one of before) {
    const worst = Math.max(...one.check.map((each) => Math.abs(error(each))));
    parts.push(
      `a prediction for ${one.checkedAt.toLocaleString("en-US")} before that ` +
        `was off by ${worst.toFixed(0)} %`,
    );
  }
  return parts.join("; ");
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
    whole(size.limits[name] ?? null, "none"),
    whole(number, "any"),
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

function whole(number: number | null, none: string): string {
  return number === null ? none : Math.floor(number).toLocaleString("en-US");
}
