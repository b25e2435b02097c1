/**
 * Plots as SVG: small enough to be read on a phone, without any script.
 * @module
 */
import { digits } from "../metrics.ts";

/** A line to draw. */
export interface Series {
  readonly title: string;
  /** Which colour: the same program has the same everywhere. */
  readonly colour: number;
  readonly dashed: boolean;
  readonly points: readonly (readonly [number, number])[];
  /** Whether points are marked. */
  readonly dots?: boolean;
}

/** How numbers become places. */
export interface Axis {
  readonly title: string;
  readonly log?: boolean;
  /** Places that are named; else some round ones. */
  readonly ticks?: readonly (readonly [number, string])[];
}

const WIDTH = 380;
const HEIGHT = 240;
const LEFT = 48;
const RIGHT = 10;
const TOP = 22;
const BOTTOM = 36;

/** Text for HTML. */
export function escape(text: string): string {
  const named: Record<string, string> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
  };
  return text.replace(/[&<>"]/g, (sign) => named[sign]!);
}

interface Scale {
  place(value: number): number;
  readonly ticks: readonly (readonly [number, string])[];
}

function scale(
  { log = false, ticks }: Axis,
  values: readonly number[],
  from: number,
  to: number,
): Scale {
  const named = ticks?.map(([value]) => value) ?? [];
  let high = Math.max(...values, ...named);
  let low = Math.min(...values, ...named);
  if (log) {
    low = 10 ** Math.floor(Math.log10(Math.max(low, 1e-3)) + 1e-9);
    high = Math.max(high, low * 10);
    const size = (value: number) => Math.log10(Math.max(value, low) / low);
    const place = (value: number) =>
      from + (to - from) * size(value) / size(high);
    const found: [number, string][] = [];
    for (let value = low; value <= high * 1.001; value *= 10) {
      found.push([value, short(value)]);
    }
    return { place, ticks: ticks ?? found };
  }
  low = Math.min(0, low);
  if (high <= low) high = low + 1;
  const place = (value: number) =>
    from + (to - from) * (value - low) / (high - low);
  const step = roundStep((high - low) / 4);
  const found: [number, string][] = [];
  for (let value = low; value <= high * 1.001; value += step) {
    found.push([value, short(value)]);
  }
  return { place, ticks: ticks ?? found };
}

function roundStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  const lead = step / power;
  return (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10) * power;
}

function short(value: number): string {
  if (value >= 1e3) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}

/** Lines over two axes. */
export function plot(
  title: string,
  x: Axis,
  y: Axis,
  series: readonly Series[],
): string {
  const points = series.flatMap((one) => one.points);
  if (points.length === 0) return "";
  const across = scale(x, points.map(([at]) => at), LEFT, WIDTH - RIGHT);
  const up = scale(y, points.map(([, at]) => at), HEIGHT - BOTTOM, TOP);
  const grid = up.ticks.map(([value, text]) => {
    const at = up.place(value).toFixed(1);
    return `<path class="grid" d="M${LEFT} ${at}H${WIDTH - RIGHT}"/>` +
      `<text x="${LEFT - 5}" y="${at}" dy="4" text-anchor="end">${text}</text>`;
  });
  const feet = across.ticks.map(([value, text]) =>
    `<text x="${across.place(value).toFixed(1)}" y="${HEIGHT - BOTTOM + 15}" ` +
    `text-anchor="middle">${text}</text>`
  );
  const lines = series.map(({ title, colour, dashed, points, dots }) => {
    const places = points.map(([a, b]) =>
      `${across.place(a).toFixed(1)} ${up.place(b).toFixed(1)}`
    );
    const dash = dashed ? ' stroke-dasharray="5 3"' : "";
    const marks = dots
      ? places.map((place) => {
        const [cx, cy] = place.split(" ");
        return `<circle class="f${colour}" cx="${cx}" cy="${cy}" r="3"/>`;
      }).join("")
      : "";
    return `<g><title>${escape(title)}</title><path class="line s${colour}"` +
      `${dash} d="M${places.join("L")}"/>${marks}</g>`;
  });
  const label = `${title}: ${y.title} over ${x.title}`;
  return `<figure><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" ` +
    `aria-label="${escape(label)}">` +
    `<text class="title" x="${LEFT}" y="13">${escape(title)}</text>` +
    `${grid.join("")}${feet.join("")}${lines.join("")}` +
    `<text x="${WIDTH - RIGHT}" y="${HEIGHT - 4}" text-anchor="end">` +
    `${escape(x.title)}</text>` +
    `<text x="${WIDTH - RIGHT}" y="13" text-anchor="end">` +
    `${escape(y.title)}</text></svg></figure>`;
}

/** A bar of a chart: its value, and the least and the most of all rounds. */
export interface Bar {
  readonly title: string;
  readonly colour: number;
  readonly value: number;
  readonly range: readonly [number, number];
}

/** Values side by side. */
export function bars(title: string, unit: string, all: readonly Bar[]): string {
  if (all.length === 0) return "";
  const [left, row] = [142, 22];
  const height = TOP + all.length * row + 6;
  const most = Math.max(...all.map(({ range }) => range[1]), 1e-9);
  const width = (value: number) => (WIDTH - left - 52) * value / most;
  const rows = all.map(({ title, colour, value, range: [low, high] }, i) => {
    const y = TOP + i * row;
    const end = left + width(value);
    const spread = high > low
      ? `<path class="spread" d="M${(left + width(low)).toFixed(1)} ${y + 8}` +
        `H${(left + width(high)).toFixed(1)}"/>`
      : "";
    return `<text x="${left - 6}" y="${y + 12}" text-anchor="end">` +
      `${escape(title)}</text><rect class="f${colour}" x="${left}" y="${y}" ` +
      `width="${width(value).toFixed(1)}" height="16" rx="2"/>${spread}` +
      `<text x="${Math.max(end, left + width(high)) + 5}" y="${y + 12}">` +
      `${digits(value)}</text>`;
  });
  const heading = unit === "" ? title : `${title}, ${unit}`;
  return `<figure><svg viewBox="0 0 ${WIDTH} ${height}" role="img" ` +
    `aria-label="${escape(heading)}"><text class="title" x="0" y="13">` +
    `${escape(heading)}</text>${rows.join("")}</svg></figure>`;
}
