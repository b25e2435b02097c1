/** Quotas of connections, subjects and addresses. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Connection } from "../../src/connection.ts";
import { PushError } from "../../src/errors.ts";
import { Meters } from "../../src/auth/meter.ts";
import { type LimitsOptions, settingsOf } from "../../src/options.ts";
import { manualClock, test } from "../harness.ts";

function setup(limits: LimitsOptions) {
  const clock = manualClock();
  const meters = new Meters(settingsOf({ limits }).limits, clock.now);
  const refused = (call: () => void) => {
    const { code, message, retryAfter } = assertThrows(call, PushError);
    assertEquals(code, "too_many_requests");
    return [message, retryAfter] as const;
  };
  return { clock, meters, refused };
}

/** As much of a connection as is counted. */
const connection = (id: string, subject?: string, channels: string[] = []) =>
  ({ id, identity: subject && { subject }, channels }) as unknown as Connection;

const ann = { subject: "ann" };

test("take() allows five seconds' worth at once, then as much as it says", () => {
  const { clock, meters, refused } = setup({ subject: { publishes: 2 } });
  for (let n = 0; n < 10; n++) meters.take("publishes", ann);
  const [message, wait] = refused(() => meters.take("publishes", ann));
  assertEquals(
    message,
    "The limit subject.publishes is reached: 2 per second.",
  );
  assertEquals(wait, 0);
  clock.advance(1);
  meters.take("publishes", ann);
  assertEquals(refused(() => meters.take("publishes", ann))[1], 499);
  clock.advance(1_000);
  for (let n = 0; n < 2; n++) meters.take("publishes", ann);
  refused(() => meters.take("publishes", ann));
  clock.advance(1_000_000);
  for (let n = 0; n < 10; n++) meters.take("publishes", ann);
  refused(() => meters.take("publishes", ann));
});

test("room() counts the channels of whoever comes back where it came from at first", () => {
  const { meters, refused } = setup({ address: { channels: 2 } });
  const one = connection("1", undefined, ["a"]);
  meters.enter(one, "192.0.2.1");
  meters.follow(one, 1);
  const elsewhere = { address: "192.0.2.2" };
  meters.room(elsewhere, one, 2);
  const [message] = refused(() => meters.room(elsewhere, one, 3));
  assertEquals(message, "The limit address.channels is reached: 2.");
});

test("take() says when there is room again in whole ms", () => {
  const { meters, refused } = setup({ subject: { publishes: 0.7 } });
  for (let n = 0; n < 4; n++) meters.take("publishes", ann);
  assertEquals(refused(() => meters.take("publishes", ann))[1], 715);
});

test("take() lets one large amount through, and then makes wait for it", () => {
  const { clock, meters, refused } = setup({ address: { bytes: 100 } });
  const who = { address: "192.0.2.1" };
  meters.take("bytes", who, 100_000);
  const [, wait] = refused(() => meters.take("bytes", who, 0));
  assertEquals(wait, 995_000);
  clock.advance(995_001);
  meters.take("bytes", who, 1);
});

test("take() counts each connection, subject and address for itself, and all that are named", () => {
  const { meters, refused } = setup({
    connection: { publishes: 0.2 },
    subject: { publishes: 0.4 },
    address: { publishes: 0.5 },
  });
  const who = (connection: string, subject: string) => ({
    connection,
    subject,
    address: "x",
  });
  meters.take("publishes", who("c1", "ann"));
  assert(
    refused(() => meters.take("publishes", who("c1", "ann")))[0].includes(
      "connection.publishes",
    ),
  );
  meters.take("publishes", who("c2", "ann"));
  assert(
    refused(() => meters.take("publishes", who("c3", "ann")))[0].includes(
      "subject.publishes",
    ),
  );
  // A refusal uses up nothing.
  meters.take("publishes", who("c3", "bob"));
  assert(
    refused(() => meters.take("publishes", who("c4", "bob")))[0].includes(
      "address.publishes",
    ),
  );
  assertEquals(Object.fromEntries(meters.refused), {
    "connection.publishes": 1,
    "subject.publishes": 1,
    "address.publishes": 1,
  });
});

test("nobody is counted who has no quota or no name", () => {
  const { meters } = setup({});
  assertEquals(meters.byAddress, false);
  for (let n = 0; n < 10_000; n++) {
    meters.take("opens", { address: "x", subject: "ann" });
    meters.take("publishes", { address: "x" });
  }
  meters.enter(connection("c"), "192.0.2.1");
  assertEquals(meters.size, 0);
});

test("room() counts connections until they are over, and channels until they are left", () => {
  const { meters, refused } = setup({
    subject: { connections: 2, channels: 3 },
  });
  const [one, two] = [connection("1", "ann"), connection("2", "ann")];
  for (const each of [one, two]) {
    meters.room(ann, undefined, 1);
    meters.enter(each, undefined);
    meters.follow(each, 1);
  }
  const [message, wait] = refused(() => meters.room(ann, undefined, 1));
  assertEquals(message, "The limit subject.connections is reached: 2.");
  assert(wait! >= 1_000 && wait! < 5_000);
  meters.room({ subject: "bob" }, undefined, 1);
  // Whoever is here may come back, and may not have more than there is room for.
  const known = connection("1", "ann", ["a"]);
  meters.room(ann, known, 1);
  meters.room(ann, known, 2);
  assert(
    refused(() => meters.room(ann, known, 3))[0].includes("subject.channels"),
  );
  meters.follow(two, -1);
  meters.leave(two);
  meters.room(ann, undefined, 2);
  refused(() => meters.room(ann, undefined, 3));
});

test("a connection counts at the address it came from, until it is over", () => {
  const { meters, refused } = setup({ address: { connections: 1 } });
  assertEquals(meters.byAddress, true);
  const who = { address: "192.0.2.1" };
  const one = connection("1");
  meters.room(who, undefined, 1);
  meters.enter(one, "192.0.2.1");
  refused(() => meters.room(who, undefined, 1));
  meters.room({ address: "192.0.2.2" }, undefined, 1);
  meters.leave(one);
  meters.room(who, undefined, 1);
});

test("meters of those who use nothing any more are forgotten", () => {
  const { clock, meters } = setup({ address: { opens: 1, connections: 9 } });
  for (let n = 0; n < 500; n++) meters.take("opens", { address: `a${n}` });
  const kept = connection("1");
  meters.enter(kept, "kept");
  assertEquals(meters.size, 501);
  clock.advance(1_000);
  meters.sweep();
  meters.sweep();
  assertEquals(meters.size, 1);
  meters.leave(kept);
  for (let n = 0; n < 3; n++) meters.sweep();
  assertEquals(meters.size, 0);
});

test("meters have a bound, beyond which newcomers are refused and nobody loses his", () => {
  const { clock, meters, refused } = setup({
    connections: 0,
    address: { opens: 1 },
  });
  const take = (n: number) => meters.take("opens", { address: `a${n}` });
  for (let n = 0; n < 100_000; n++) take(n);
  assert(refused(() => take(100_000))[0].includes("meters"));
  take(99_999);
  clock.advance(2_000);
  take(100_000);
  assert(meters.size <= 100_000);
});
