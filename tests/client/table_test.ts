/** What the client has of its own is the same as what the server has. */
import { assert, assertEquals } from "@std/assert";
import { isRetryable, pushError, refusal } from "../../src/client/error.ts";
import { compare } from "../../src/client/place.ts";
import { covers } from "../../src/client/subscriptions.ts";
import { codes, PushError } from "../../src/errors.ts";
import { problem } from "../../src/http.ts";
import { matches } from "../../src/name.ts";
import { test } from "../harness.ts";

test("isRetryable() says of every code what the server's table says (N8)", () => {
  for (const [code, { status, retryable }] of Object.entries(codes)) {
    assertEquals(isRetryable(status, code), retryable, code);
  }
});

test("isRetryable() goes by the status of a refusal that is not ours", () => {
  const again = [408, 425, 429, 500, 502, 503, 504, 520];
  const final = [400, 401, 403, 404, 405, 407, 410, 451];
  for (const status of again) assert(isRetryable(status), `${status}`);
  for (const status of final) assert(!isRetryable(status), `${status}`);
});

test("refusal() reads the code, the detail and the delay of a problem (N8.4)", async () => {
  const error = await refusal(
    problem(new PushError("too_many_connections", "Full.", 2_500)),
  );
  assertEquals(error.code, "too_many_connections");
  assertEquals(error.message, "Full.");
  assertEquals(error.retryable, true);
  assertEquals(error.retryAfter, 3_000);
});

test("refusal() reads what a proxy says, and a date in Retry-After", async () => {
  const date = new Date(Date.now() + 60_000).toUTCString();
  for (
    const [value, least, most] of [
      ["7", 7_000, 7_000],
      [date, 50_000, 60_000],
      ["Thu, 01 Jan 1970 00:00:00 GMT", 0, 0],
      ["soon", 0, 0],
      ["-5", 0, 0],
    ] as const
  ) {
    const headers = { "retry-after": value };
    const error = await refusal(
      new Response("<html>", { status: 502, headers }),
    );
    assertEquals(error.code, "unreachable");
    assertEquals(error.message, "HTTP 502");
    const { retryAfter = -1 } = error;
    assert(retryAfter >= least && retryAfter <= most, `${value} ${retryAfter}`);
  }
});

test("refusal() takes no code from what another program says", async () => {
  for (const problem of [{ code: 403 }, { code: null }, { code: {} }, 1, []]) {
    const error = await refusal(Response.json(problem, { status: 403 }));
    assertEquals([error.code, error.retryable], ["unreachable", false]);
  }
});

test("refusal() asks for no longer a wait than a timer takes", async () => {
  const date = new Date(Date.now() + 1e12).toUTCString();
  for (const value of ["3000000", "99999999999999", date]) {
    const headers = { "retry-after": value };
    const { retryAfter = -1 } = await refusal(
      new Response(null, { status: 503, headers }),
    );
    // A jitter is added to it; beyond 2³¹ ms timers do not wait at all.
    assert(retryAfter > 5e8 && retryAfter < 2e9, `${value}: ${retryAfter}`);
  }
});

test("pushError() keeps ours, and calls all else unreachable", () => {
  const error = pushError(new TypeError("no network"));
  assertEquals(error.code, "unreachable");
  assertEquals(error.retryable, true);
  assertEquals(pushError(error), error);
});

test("covers() says of patterns and names what the server's matches() says (N2.2)", () => {
  const names = ["a", "b", "a/b", "a/b/c", "ab", "ab/c", "$all", "$x/y", "a*"];
  const patterns = ["*", "**", "a/*", "a/**", "a/b/*", "a/b/**", "b/*"];
  for (const name of names) {
    assert(covers(name, name), name);
    for (const pattern of patterns) {
      const say = `${pattern} ${name}`;
      assertEquals(covers(pattern, name), matches(pattern, name), say);
    }
  }
});

test("compare() orders ids of one order, and knows that it cannot compare others", () => {
  assertEquals(compare("e-9", "e-10") < 0, true);
  assertEquals(compare("e-10", "e-9") > 0, true);
  assertEquals(compare("e-9", "e-9"), 0);
  assertEquals(compare("a-b-9", "a-b-10") < 0, true);
  assertEquals(compare("earliest", "e-0") < 0, true);
  assertEquals(compare("e-0", "earliest") > 0, true);
  assertEquals(compare("earliest", "earliest"), 0);
  assertEquals(compare("e-9", "f-9"), NaN);
  assertEquals(compare("ee-9", "e-9"), NaN);
  assertEquals(compare(undefined, "e-9"), NaN);
  assertEquals(compare("e-9"), NaN);
});
