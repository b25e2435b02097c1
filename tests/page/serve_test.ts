/** The page: which of its modules there are. */
import { assert, assertEquals } from "@std/assert";
import { servePage } from "../../src/page/serve.ts";
import { test } from "../harness.ts";

/** What a module as it is served names in its imports. */
function importsOf(path: string, code: string): string[] {
  const names = code.matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"]*)"/g);
  return [...names].map(([, name]) =>
    new URL(name!, `http://localhost${path}`).pathname
  );
}

test("servePage() has the page's program and all that it imports", async () => {
  const page = await (await servePage("/"))!.text();
  const [, program] = /<script type="module" src="([^"]*)"/.exec(page)!;
  const found = new Set([program!]);
  for (const path of found) {
    const answer = await servePage(path);
    assert(answer, path);
    assertEquals(answer.headers.get("content-type"), "text/javascript");
    for (const name of importsOf(path, await answer.text())) found.add(name);
  }
  assert(found.has("/page/client.ts") && found.size > 10, `${[...found]}`);
});

test("servePage() has nothing else of the package", async () => {
  for (
    const name of [
      "mod.ts",
      "src/main.ts",
      "src/client/aaaa.ts",
      "src/client/../main.ts",
      "src/page/serve.ts",
      "client.js",
      "client.ts?x",
      "",
    ]
  ) assertEquals(await servePage(`/page/${name}`), undefined, name);
  assertEquals(await servePage("/other"), undefined);
});
