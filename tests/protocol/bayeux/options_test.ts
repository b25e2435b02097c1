/** The options of the Bayeux protocol. */
import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { bayeux } from "../../../src/protocol/bayeux.ts";
import {
  type BayeuxOptions,
  settingsOf,
} from "../../../src/protocol/bayeux/options.ts";
import { test } from "../../harness.ts";

test("the defaults are CometD's", () => {
  const { timeout, interval, maxInterval, browser, lazy, maxQueue } =
    settingsOf({});
  assertEquals([timeout, interval, maxInterval], [30_000, 0, 10_000]);
  assertEquals(browser, { sessions: 1, interval: 2_000 });
  assertEquals([lazy, maxQueue], [undefined, Infinity]);
  assertEquals(settingsOf({ lazy: { channels: ["a"] } }).lazy, {
    channels: ["a"],
    timeout: 5_000,
  });
});

test("a wrong option is named", () => {
  for (
    const [options, message] of [
      [{ timeout: -1 }, /^timeout is -1; it must be at least 0$/],
      [{ interval: NaN }, /^interval is NaN/],
      [{ maxInterval: -5 }, /^maxInterval/],
      [{ browser: { sessions: -2 } }, /^browser.sessions/],
      [{ browser: { interval: -1 } }, /^browser.interval/],
      [{ lazy: { channels: [], timeout: -1 } }, /^lazy.timeout/],
      [{ activity: { period: 0 } }, /^activity.period/],
      [{ maxQueue: -1 }, /^maxQueue/],
    ] as [BayeuxOptions, RegExp][]
  ) {
    const error = assertThrows(() => bayeux(options), RangeError);
    assertMatch((error as Error).message, message);
  }
});

test("it is at home at /cometd, and where Faye looks", () => {
  assertEquals(bayeux().paths, ["/cometd", "/bayeux"]);
});
