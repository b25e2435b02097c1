/**
 * What a publish and a delivery cost on each backplane, beside memory:
 *
 *     deno task backplanes [--repeat N] [--runtime bun,deno] [--out FOLDER]
 *
 * Each measurement is a process of its own (`backplanes/node.ts`) with a service
 * of its own; rounds alternate their order, and the table has medians.
 * @module
 */
import { mkdirSync, writeFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { type Kind, kinds } from "./backplanes/kinds.ts";
import { measure } from "./backplanes/measure.ts";
import { type Row, table } from "./backplanes/table.ts";
import { endAll } from "./child.ts";
import { machine } from "./proc.ts";
import { find } from "./services.ts";
import { versionOf } from "./runtimes.ts";

const METHOD =
  `A node is a process with an engine. Publishes: one after the other (how
long one takes to be answered), and 50 at a time (CPU of the node, and of the service
beside it, for each). Deliveries: the same with 200 parked responses that read; what a
delivery costs is what that costs more. Another node: a second process follows, and
says when it heard; the clocks are compared first.`;

process.on("exit", endAll);
process.on("SIGINT", () => process.exit(130));

const { values } = parseArgs({
  options: {
    repeat: { type: "string", default: "3" },
    runtime: { type: "string", default: "bun,deno" },
    out: { type: "string" },
    quick: { type: "boolean", default: false },
  },
});
const rows = (["bun", "deno"] as const)
  .filter((runtime) => values.runtime.includes(runtime) && versionOf(runtime))
  .flatMap((runtime) =>
    kinds.filter(suits(runtime)).map(({ name }): Row => ({
      kind: name,
      runtime,
      rounds: [],
    }))
  );
for (let round = 0; round < Number(values.repeat); round++) {
  for (const row of round % 2 === 0 ? rows : rows.toReversed()) {
    const kind = kinds.find(({ name }) => name === row.kind)!;
    console.error(`round ${round + 1}: ${row.kind} on ${row.runtime}`);
    try {
      row.rounds.push(await measure(kind, row.runtime, values.quick));
    } catch (error) {
      row.failure = (error as Error).message;
      console.error(`  failed: ${row.failure}`);
    }
  }
}
const when = new Date().toISOString();
console.log(`${METHOD}\n\n${table(rows)}`);
const folder = values.out ?? new URL("./results/", import.meta.url).pathname;
mkdirSync(folder, { recursive: true });
const path = `${folder}/backplanes-${when.slice(0, 19).replaceAll(":", "-")}`;
const result = { when, machine: machine(), method: METHOD, rows };
writeFileSync(`${path}.json`, JSON.stringify(result));
console.error(`\n${path}.json`);
process.exit(rows.some(({ failure }) => failure !== undefined) ? 1 : 0);

/** Which of them a runtime and this machine have. */
function suits(runtime: "bun" | "deno"): (kind: Kind) => boolean {
  return ({ name, needs, denoOnly }) => {
    if (denoOnly && runtime !== "deno") return false;
    if (needs === undefined || find(needs)) return true;
    console.error(`Not measured, as ${needs} is not installed: ${name}`);
    return false;
  };
}
