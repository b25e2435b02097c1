/**
 * What a run of tests printed about those that failed, without all the others: shown
 * at the end of a run of the whole suite, where one looks for it.
 * @module
 */

/** What `bun test` prints after a test, or before the first one of a file. */
const BUN_ENDED = /^(\((pass|fail)\) |.*_test\.ts:$)/;

/** The part of `deno test` that tells the errors. */
const DENO_ERRORS = /^ ERRORS $([^]*?)^ FAILURES $/gm;

/** The longest excerpt of one run, in lines: the last are kept. */
const MAX_LINES = 80;

/** What was printed from the end of the test before up to "(fail)", of each failed test. */
function bunFailures(text: string): string[] {
  const found: string[] = [];
  let own: string[] = [];
  for (const line of text.split("\n")) {
    own.push(line);
    const [, , how] = BUN_ENDED.exec(line) ?? [line];
    if (how === "fail") found.push(...own);
    if (BUN_ENDED.test(line)) own = [];
  }
  return found;
}

/** The lines of a run's output that say which tests failed, and why; "" if none did. */
export function failuresIn(text: string): string {
  const deno = [...text.matchAll(DENO_ERRORS)].flatMap(([, part = ""]) =>
    part.split("\n")
  );
  const lines = [...deno, ...bunFailures(text)].map((line) => line.trimEnd());
  return lines.filter((line) => line !== "").slice(-MAX_LINES).join("\n");
}
