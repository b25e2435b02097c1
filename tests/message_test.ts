/** What may be published: JSON, turned into text once (decision 4, N10). */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { PushError } from "../src/errors.ts";
import { jsonText } from "../src/message.ts";
import { test } from "./harness.ts";

function refusal(data: unknown, limit = 1_000): PushError {
  return assertThrows(() => jsonText(data, limit), PushError);
}

test("jsonText() is the JSON of any value that JSON has", () => {
  const values = [null, true, 0, "x", [1, [2]], { a: { b: [] } }, ""];
  for (const value of values) {
    assertEquals(jsonText(value, 1_000), JSON.stringify(value));
  }
  assertEquals(jsonText({ toJSON: () => "own" }, 1_000), '"own"');
});

test("jsonText() has no line break, so that none reaches a frame (N10)", () => {
  const text = jsonText({ "a\r\n": "b\n\r\n" }, 1_000);
  assert(!/[\r\n]/.test(text));
  assertEquals(JSON.parse(text), { "a\r\n": "b\n\r\n" });
});

test("jsonText() refuses what JSON cannot say, with the reason", () => {
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  const cases: [unknown, RegExp][] = [
    [undefined, /^Not JSON: undefined$/],
    [() => {}, /^Not JSON: function$/],
    [Symbol("x"), /^Not JSON: symbol$/],
    [1n, /^Not JSON: .*BigInt/],
    [circle, /^Not JSON: .*c(irc|ycl)/i],
    [{ toJSON: () => fail("own") }, /^Not JSON: own$/],
  ];
  for (const [data, reason] of cases) {
    const error = refusal(data);
    assertEquals(error.code, "invalid_json");
    assert(reason.test(error.message), error.message);
    assert(!error.message.includes("\n"));
  }
});

function fail(message: string): never {
  throw new Error(message);
}

test("jsonText() is exact or a refusal for what is nested very deeply", () => {
  const depth = 1_000_000;
  let deep: unknown = 0;
  for (let i = 0; i < depth; i++) deep = [deep];
  let outcome: string;
  try {
    outcome = jsonText(deep, 10_000_000);
  } catch (error) {
    assert(error instanceof PushError);
    outcome = `${error.code}, ${error.message}`;
  }
  // Runtimes differ in how deep they can go.
  const whole = "[".repeat(depth) + "0" + "]".repeat(depth);
  const refused = "invalid_json, Not JSON: it is nested too deeply";
  assert(outcome === whole || outcome === refused, outcome.slice(0, 100));
});

test("jsonText() refuses more than limit bytes, and says how many they are", () => {
  assertEquals(jsonText("12345678", 10), '"12345678"');
  const error = refusal("123456789", 10);
  assertEquals(error.code, "too_large");
  assertEquals(error.message, "The message has 11 bytes; the limit is 10.");
});

test("jsonText() counts bytes, not characters", () => {
  assertEquals(jsonText("üüüü", 10), '"üüüü"');
  assertEquals(refusal("üüüüü", 10).code, "too_large");
  assertEquals(jsonText("✓✓", 8), '"✓✓"');
  assertEquals(refusal("✓✓", 7).code, "too_large");
});
