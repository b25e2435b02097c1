/**
 * `@std/assert`, or the same names over `node:assert` where JSR is out of reach.
 * The specifier is computed, because a literal one hangs there.
 * @module
 */
import strict from "node:assert/strict";

type Assertions = typeof fallback;

const fallback = {
  assert(value: unknown, message?: string): asserts value {
    strict.ok(value, message);
  },
  assertEquals<T>(actual: T, expected: T, message?: string): void {
    strict.deepEqual(actual, expected, message);
  },
  assertNotEquals<T>(actual: T, expected: T, message?: string): void {
    strict.notDeepEqual(actual, expected, message);
  },
  assertStrictEquals<T>(actual: T, expected: T, message?: string): void {
    strict.equal(actual, expected, message);
  },
  assertMatch(actual: string, expected: RegExp, message?: string): void {
    strict.match(actual, expected, message);
  },
  assertThrows<E extends Error>(
    body: () => unknown,
    // deno-lint-ignore no-explicit-any
    kind: new (...args: any[]) => E = Error as any,
    includes = "",
  ): E {
    try {
      body();
    } catch (error) {
      return checked(error, kind, includes);
    }
    return strict.fail("it did not throw");
  },
  async assertRejects<E extends Error>(
    body: () => PromiseLike<unknown>,
    // deno-lint-ignore no-explicit-any
    kind: new (...args: any[]) => E = Error as any,
    includes = "",
  ): Promise<E> {
    try {
      await body();
    } catch (error) {
      return checked(error, kind, includes);
    }
    return strict.fail("it did not reject");
  },
};

function checked<E extends Error>(
  error: unknown,
  // deno-lint-ignore no-explicit-any
  kind: new (...args: any[]) => E,
  includes: string,
): E {
  strict.ok(error instanceof kind, `expected ${kind.name}, got ${error}`);
  const text = `${error.message} should include ${includes}`;
  strict.ok(error.message.includes(includes), text);
  return error;
}

async function real(): Promise<Assertions> {
  const specifier = ["jsr", "@std/assert@^1"].join(":");
  const timeout = new Promise<never>((_, reject) => {
    const timer = setTimeout(() => reject(new Error("no JSR")), 3_000);
    if (typeof timer === "object") (timer as { unref(): void }).unref();
    else Deno.unrefTimer(timer);
  });
  return await Promise.race([import(specifier), timeout]);
}

const chosen: Assertions = "Deno" in globalThis
  ? await real().catch(() => fallback)
  : fallback;

export const assert: Assertions["assert"] = chosen.assert;
export const assertEquals: Assertions["assertEquals"] = chosen.assertEquals;
export const assertNotEquals: Assertions["assertNotEquals"] =
  chosen.assertNotEquals;
export const assertStrictEquals: Assertions["assertStrictEquals"] =
  chosen.assertStrictEquals;
export const assertMatch: Assertions["assertMatch"] = chosen.assertMatch;
export const assertThrows: Assertions["assertThrows"] = chosen.assertThrows;
export const assertRejects: Assertions["assertRejects"] = chosen.assertRejects;
