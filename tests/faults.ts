/**
 * Puts one fault after the other into a copy of the code and sees that the
 * property test finds each: what a test cannot find it does not guard.
 *
 * `deno task faults`, or `deno task faults O5` for those of which O5 speaks
 * @module
 */
import { type Change, faults as all, slices } from "./fault_list.ts";

const root = new URL("../", import.meta.url).pathname;
const schedules = Deno.env.get("HALLEY_SCHEDULES") ?? "40000";

/** Whether the property test fails on a copy of the code with `changes` in it. */
async function fails(changes: Change[]): Promise<boolean> {
  const copy = await Deno.makeTempDir();
  try {
    const parts = ["src", "tests", "deno.json"].map((part) => root + part);
    await new Deno.Command("cp", { args: ["-r", ...parts, copy] }).output();
    for (const { file, from, to } of changes) {
      const path = `${copy}/src/${file}`;
      const code = await Deno.readTextFile(path);
      if (code.split(from).length !== 2) {
        throw new Error(`${file} has not exactly one: ${from}`);
      }
      await Deno.writeTextFile(path, code.replace(from, () => to));
    }
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-check", "tests/property_test.ts"],
      cwd: copy,
      env: { HALLEY_SCHEDULES: schedules, NO_COLOR: "1" },
      stdout: "null",
      stderr: "null",
    }).output();
    return !success;
  } finally {
    await Deno.remove(copy, { recursive: true });
  }
}

const faults = all.filter(({ breaks }) => breaks.includes(Deno.args[0] ?? ""));
let missed = 0;
for (const change of [[], [slices]]) {
  if (await fails(change)) throw new Error("It fails without any fault.");
}
for (const fault of faults) {
  const ok = await fails([fault, ...fault.with ?? []]);
  if (!ok) missed++;
  console.log(`${ok ? "found " : "MISSED"}  ${fault.breaks}`);
}
console.log(`${faults.length - missed} of ${faults.length} faults found`);
Deno.exit(missed === 0 ? 0 : 1);
