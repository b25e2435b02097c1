/** What is published when, and who has to get it. */
import { assert, assertEquals } from "@std/assert";
import {
  channelsOf,
  deliveries,
  due,
  expects,
  followedBy,
  messages,
  type Plan,
  textOf,
  unmeasured,
} from "../../bench/plan.ts";
import { scenarios } from "../../bench/scenarios.ts";
import { test } from "../harness.ts";

const rooms = scenarios.find(({ name }) => name === "rooms")!.plan;
const burst = scenarios.find(({ name }) => name === "burst")!.plan;

test("a plan's bursts are due together, and evenly spread", () => {
  assertEquals([0, 19, 20, 39, 40].map((n) => due(burst, n)), [
    0,
    0,
    500,
    500,
    1_000,
  ]);
  assertEquals(unmeasured(burst), 400);
  assertEquals(messages(burst), 800);
  assertEquals(due(burst, unmeasured(burst)), burst.warmUp * 1_000);
});

test("a plan gives each room as many members, and each member other rooms", () => {
  const members = new Array(rooms.channels).fill(0);
  const sets = new Set<string>();
  for (let client = 0; client < rooms.connections; client++) {
    const own = channelsOf(rooms, client);
    assertEquals(new Set(own).size, rooms.perConnection);
    for (const channel of own) members[channel]++;
    sets.add(own.toSorted((a, b) => a - b).join());
  }
  assert(members.every((number) => number === 100));
  assert(sets.size > 900, `${sets.size} different sets`);
});

test("a plan's deliveries are what its connections expect, added up", () => {
  const plans: Plan[] = [rooms, burst].map((plan) => ({
    ...plan,
    connections: 200,
    seconds: 0.5,
    warmUp: 0.5,
  }));
  plans.push({ ...plans[0]!, direct: true });
  plans.push({ ...plans[0]!, connections: 30, seconds: 0.04, warmUp: 0 });
  for (const plan of plans) {
    let sum = 0;
    for (let client = 0; client < plan.connections; client++) {
      const followed = followedBy(plan, client);
      for (let n = 0; n < messages(plan); n++) {
        if (expects(plan, client, followed, n)) sum++;
      }
    }
    assertEquals(sum, deliveries(plan));
  }
});

test("a message is as long as the plan says and carries its number", () => {
  assertEquals(textOf(rooms, 42), "~0000042".padEnd(50, "x"));
});
