/** The stable codes, and what a client does next (N8). */
import { assert, assertEquals } from "@std/assert";
import { codes, PushError } from "../src/errors.ts";
import { test } from "./harness.ts";

test("codes have the statuses that the protocol names, and a sentence each", () => {
  const statuses = Object.entries(codes).map(([code, { status }]) =>
    `${code} ${status}`
  );
  assertEquals(statuses, [
    "invalid_request 400",
    "invalid_channel 400",
    "invalid_json 400",
    "unauthorized 401",
    "token_expired 401",
    "forbidden 403",
    "bad_origin 403",
    "not_found 404",
    "method_not_allowed 405",
    "not_acceptable 406",
    "request_timeout 408",
    "too_large 413",
    "unsupported_type 415",
    "invalid_data 422",
    "key_reused 422",
    "too_many_requests 429",
    "too_many_channels 429",
    "too_many_connections 503",
    "unavailable 503",
    "internal 500",
    "shutdown 503",
    "left 410",
    "expired 410",
    "slow 408",
    "replaced 409",
    "max_age 503",
    "kicked 403",
  ]);
  for (const { title } of Object.values(codes)) {
    assert(/^[A-Z].+\.$/.test(title));
  }
});

test("codes say whether coming back can help", () => {
  const retryable = Object.entries(codes).filter(([, info]) => info.retryable);
  assertEquals(retryable.map(([code]) => code), [
    "token_expired",
    "request_timeout",
    "too_many_requests",
    "too_many_channels",
    "too_many_connections",
    "unavailable",
    "internal",
    "shutdown",
    "expired",
    "slow",
    "replaced",
    "max_age",
  ]);
});

test("a PushError takes status, retryable and, without detail, its title from the table", () => {
  const error = new PushError("too_many_channels", undefined, 5_000);
  assert(error instanceof Error);
  assertEquals(
    [error.name, error.code, error.status, error.retryable, error.retryAfter],
    ["PushError", "too_many_channels", 429, true, 5_000],
  );
  assertEquals(error.message, codes.too_many_channels.title);
  const precise = new PushError("not_found", "There is no such connection.");
  assertEquals(precise.message, "There is no such connection.");
  assertEquals([precise.retryable, precise.retryAfter], [false, undefined]);
});
