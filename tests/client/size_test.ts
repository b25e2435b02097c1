/** What browsers load: small, and nothing of others. */
import { assert, assertEquals } from "@std/assert";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { runtime, test } from "../harness.ts";

/** The budget of `client.ts`, minified and compressed, in bytes. */
const BUDGET = 5_000;

const entry = new URL("../../client.ts", import.meta.url);

/** Every file that `client.ts` reaches with an import that is not of types alone. */
function reached(): string[] {
  const files = new Set([entry.pathname]);
  for (const file of files) {
    const text = readFileSync(file, "utf8").replace(/^ *\*.*$/gm, "");
    const imports =
      /^(?:import|export)\s(?!type\b)[\w\s{},*]*? from "([^"]+)"/gm;
    for (const [, specifier = ""] of text.matchAll(imports)) {
      assert(specifier.startsWith("."), `${file} imports ${specifier}`);
      files.add(new URL(specifier, `file://${file}`).pathname);
    }
    assertEquals(/\b(import|require)\(/.test(text), false, file);
  }
  return [...files].map((file) => file.slice(file.lastIndexOf("/src/") + 1));
}

test("client.ts reaches nothing third-party and nothing of the server", () => {
  const [, ...files] = reached();
  assert(files.length > 5);
  for (const file of files) assert(file.startsWith("src/client/"), file);
});

// Deno has no bundler that its permissions and flags let a test use; what Bun's makes is
// within 2 % of esbuild's.
if (runtime === "bun") {
  test(`client.ts takes less than ${BUDGET} bytes, minified and compressed`, async () => {
    // deno-lint-ignore no-explicit-any
    const { Bun } = globalThis as any;
    const { outputs } = await Bun.build({
      entrypoints: [entry.pathname],
      minify: true,
      target: "browser",
    });
    const size = gzipSync(await outputs[0].text(), { level: 9 }).length;
    console.log(`client.ts: ${size} bytes`);
    assert(size < BUDGET, `${size} bytes`);
  });
}
