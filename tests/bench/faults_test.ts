/** The bench notices what a server does wrong, and what it cannot do itself. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Plan } from "../../bench/plan.ts";
import { type Accounts, isClean, type Round } from "../../bench/result.ts";
import { measure } from "../../bench/run.ts";
import { scenarios } from "../../bench/scenarios.ts";
import { served, type Subject } from "../../bench/subjects/table.ts";
import { runtime, test } from "../harness.ts";
import { LATE } from "./faulty_server.ts";

/** 5,000 deliveries to 50 clients, within a second. */
const PLAN: Partial<Plan> = {
  connections: 50,
  rate: 100,
  seconds: 1,
  warmUp: 0,
};

/** Its deliveries, of which one in a thousand fails. */
const DELIVERIES = 5_000;
const FAULTS = 5;

function faulty(exported: string): Subject {
  const module = new URL("./faulty_server.ts", import.meta.url);
  return served(exported, `a server that does ${exported}`, module, {
    exported,
  });
}

async function found(
  exported: string,
  { plan = PLAN, handicap = 0, scenario = "fanout" } = {},
): Promise<Round & { accounts: Accounts }> {
  const chosen = scenarios.find(({ name }) => name === scenario)!;
  const job = {
    scenario: chosen,
    transport: "sse" as const,
    runtime,
    subject: faulty(exported),
    plan: { ...chosen.plan, ...plan },
  };
  const { signal } = new AbortController();
  const course = { repeat: 1, heartbeat: 60_000, settle: 0, handicap, signal };
  const round = await measure(job, course, { phase() {}, live() {} });
  return { ...round, accounts: round.accounts! };
}

test("the bench finds nothing wrong with a server that does nothing wrong", async () => {
  const { accounts, metrics } = await found("none");
  assert(isClean(accounts), JSON.stringify(accounts));
  assertEquals(accounts.expected, DELIVERIES);
  assertEquals(accounts.received, DELIVERIES);
  const { latencyP50 = 0, latencyMax = 0, cpuPerDelivery = 0 } = metrics;
  assert(latencyP50 > 0 && latencyP50 <= latencyMax);
  assert(cpuPerDelivery > 0 && metrics.rssParked! > metrics.memory!);
});

test("the bench counts each lost message, and says whose it was", async () => {
  const { accounts, warnings } = await found("lose");
  assertEquals(accounts.lost, FAULTS);
  assertEquals(accounts.received, DELIVERIES - FAULTS);
  assertMatch(accounts.examples[0]!, /^client \d+ never got message \d+$/);
  assertMatch(warnings.join("\n"), /of 5000 deliveries 5 lost/);
});

test("the bench counts each doubled message", async () => {
  const { accounts } = await found("double");
  assertEquals(accounts.doubled, FAULTS);
  assertEquals(accounts.lost, 0);
});

test("the bench counts each message that comes after a later one", async () => {
  const { accounts } = await found("reorder", {
    plan: { ...PLAN, seconds: 1.1 },
  });
  const { lost, outOfOrder, disagreeing } = accounts;
  // One of two publishes that overlap may come first; not for some clients only.
  assert(outOfOrder > 0 || disagreeing > 0, JSON.stringify(accounts));
  assert(lost === 0 && outOfOrder <= FAULTS && disagreeing <= FAULTS);
});

test("the bench says that some messages come far later than all others", async () => {
  // Slowly, so that on a busy machine others are not as late.
  const plan = { ...PLAN, rate: 20, seconds: 5 };
  let round = await found("delay", { plan });
  // Where a busy machine was as late with all, none stands out: that says nothing.
  while (5 * round.metrics.latencyP99! >= LATE) {
    round = await found("delay", { plan });
  }
  const { accounts, metrics, warnings } = round;
  assertEquals(accounts.lost, 0);
  assert(accounts.outOfOrder > 0, "late ones come after others, too");
  assert(metrics.latencyMax! >= LATE && metrics.stragglers! >= 1);
  assertMatch(warnings.join("\n"), /deliveries were far later/);
});

test("the bench counts others who wait still when all is published", async () => {
  const { metrics } = await found("stall");
  assert(metrics.othersMax! >= LATE, `${metrics.othersMax}`);
  assertEquals(metrics.unanswered, 0);
});

test("the bench counts direct messages that somebody else gets", async () => {
  const plan = { ...PLAN, rate: 1_000, seconds: 2 };
  const { accounts } = await found("misdirect", { plan, scenario: "direct" });
  assertEquals([accounts.lost, accounts.foreign], [2, 2]);
});

test("the bench says that its own load was the bottleneck", async () => {
  // Each client has a process, and 1,000 deliveries a second of 2,000 µs each.
  const plan = { ...PLAN, connections: 2, rate: 1_000 };
  const { warnings } = await found("none", { plan, handicap: 2_000 });
  assertMatch(warnings.join("\n"), /the load was the bottleneck/);
});
