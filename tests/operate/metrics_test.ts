/** The table of instruments. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { readFileSync } from "node:fs";
import { Histogram } from "../../src/operate/counts.ts";
import { createEngine } from "../../src/engine.ts";
import { instruments } from "../../src/operate/metrics.ts";
import { test } from "../harness.ts";

test("every instrument has a name of its own, a unit and a sentence", () => {
  const names = instruments.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  for (const { name, unit, help } of instruments) {
    assertMatch(name, /^halley(\.[a-z]+)+$/);
    assertMatch(unit, /^(s|By|\{[a-z]+\})$/);
    assertMatch(help, /^[A-Z1].*\.$/);
  }
});

test("docs/operating.md names every instrument", () => {
  const file = new URL("../../docs/operating.md", import.meta.url);
  const text = readFileSync(file, "utf8");
  for (const { name, kind, unit } of instruments) {
    const suffix = { s: "_seconds", By: "_bytes" }[unit] ?? "";
    const total = kind === "counter" ? "_total" : "";
    const shown = name.replaceAll(".", "_") + suffix + total;
    assert(new RegExp(`\\b${shown}\\b`).test(text), shown);
  }
});

test("every instrument reads what its kind and its label say, from the first moment", async () => {
  const engine = createEngine();
  for (const { name, kind, label, read } of instruments) {
    const measured = read(engine);
    assertEquals(measured instanceof Histogram, kind === "histogram", name);
    assertEquals(measured instanceof Map, label !== undefined, name);
    if (typeof measured === "number") assert(measured >= 0, name);
  }
  await engine.close();
});
