/** Which runtimes are refused, and why. */
import { assertThrows } from "@std/assert";
import { checkRuntime } from "../src/runtime.ts";
import { test } from "./harness.ts";

const bun = (version: string) => ({ Bun: { version }, ReadableStream });

test("checkRuntime() accepts the runtime that this runs on", () => {
  checkRuntime();
});

test("checkRuntime() refuses Bun before 1.4, with the reason", () => {
  for (const version of ["1.3.9", "1.0.0", "0.9.1"]) {
    const check = () => checkRuntime(bun(version));
    assertThrows(check, Error, `Bun 1.4 or newer, and this is ${version}`);
    assertThrows(check, Error, "no backpressure");
  }
});

test("checkRuntime() accepts Bun from 1.4.0 on", () => {
  for (
    const version of ["1.4.0", "1.4.4", "1.10.0", "2.0.0", "1.4.0-canary.1"]
  ) {
    checkRuntime(bun(version));
  }
});

test("checkRuntime() accepts what is not Bun, if it has streams", () => {
  checkRuntime({ ReadableStream });
  assertThrows(() => checkRuntime({}), Error, "needs ReadableStream");
});
