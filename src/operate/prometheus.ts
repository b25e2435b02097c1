/**
 * The instruments as Prometheus reads them, in its text format 0.0.4.
 * @module
 */
import { Histogram } from "./counts.ts";
import type { Engine } from "../engine.ts";
import { type Instrument, instruments } from "./metrics.ts";

const HEADERS = {
  "content-type": "text/plain; version=0.0.4; charset=utf-8",
  "cache-control": "no-store",
};

const UNITS: Record<string, string> = { s: "_seconds", By: "_bytes" };

/**
 * A handler that answers with all metrics of `engine` as Prometheus reads them:
 * `app.get("/metrics", metrics(engine))`. It asks the backplane how it is, and waits
 * a second for that at most. Who may read it is up to whoever mounts it.
 */
export function metrics(engine: Engine): () => Promise<Response> {
  return async () => {
    await engine.node.health.check();
    const text = instruments.map((each) => write(each, engine)).join("");
    return new Response(text, { headers: HEADERS });
  };
}

function write(instrument: Instrument, engine: Engine): string {
  const { kind, unit, help, label, read } = instrument;
  const total = kind === "counter" ? "_total" : "";
  const name = instrument.name.replaceAll(".", "_") + (UNITS[unit] ?? "") +
    total;
  const measured = read(engine);
  let lines = `# HELP ${name} ${help}\n# TYPE ${name} ${kind}\n`;
  if (typeof measured === "number") return `${lines}${name} ${measured}\n`;
  if (measured instanceof Histogram) return lines + ranges(name, measured);
  // Transports and reasons are our own words: nothing in them is to be escaped.
  for (const [value, number] of measured) {
    lines += `${name}{${label}="${value}"} ${number}\n`;
  }
  return lines;
}

function ranges(name: string, { bounds, counts, sum }: Histogram): string {
  let lines = "";
  let below = 0;
  for (const [i, count] of counts.entries()) {
    below += count;
    lines += `${name}_bucket{le="${bounds[i] ?? "+Inf"}"} ${below}\n`;
  }
  return `${lines}${name}_sum ${sum}\n${name}_count ${below}\n`;
}
