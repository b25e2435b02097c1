/**
 * What is done to a server: THE TABLE of scenarios.
 * @module
 */
import { type Doing, publishing } from "./measure.ts";
import { sleep } from "./orders.ts";
import { park } from "./park.ts";
import type { Plan } from "./plan.ts";
import type { Round } from "./result.ts";
import type { Stage } from "./stage.ts";
import type { Subject } from "./subjects/table.ts";

/** Something that is done to a server. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** Its plan where nothing else is said. */
  readonly plan: Plan;
  /** Whether its clients come back with the last id they had. */
  readonly resumes?: boolean;
  /** Whether it makes sense with this program. */
  suits?(subject: Subject): boolean;
  perform(stage: Stage, phase: (text: string) => void): Promise<Round>;
}

const ONE_CHANNEL = {
  channels: 1,
  perConnection: 1,
  direct: false,
  bytes: 100,
};

/** Publishes; `everybody` gets everything. */
function publishes(everybody: boolean, during?: Doing["during"]) {
  return (stage: Stage, phase: (text: string) => void): Promise<Round> =>
    publishing(stage, { everybody, phase, ...(during && { during }) });
}

/** A twentieth of all connections, each second, is cut and made anew. */
async function churn(stage: Stage): Promise<Record<string, number>> {
  const { connections, seconds } = stage.staging.plan;
  const perSecond = connections / 20;
  const each = perSecond / stage.generators.length;
  await stage.all("churn", each);
  await sleep(seconds * 1_000);
  await stage.all("churn", 0);
  return { churnPerSecond: perSecond };
}

/** A tenth of all connections does not read, or reads now and then. */
async function slow(stage: Stage): Promise<Record<string, number>> {
  const { length } = stage.generators;
  const each = Math.max(
    1,
    Math.round(stage.staging.plan.connections / 20 / length),
  );
  await stage.all("slow", { stopped: each, slow: each });
  return { slowClients: 2 * each * length };
}

/** All are cut at once, in the middle, and come back. */
async function cut(stage: Stage): Promise<Record<string, number>> {
  await sleep(stage.staging.plan.seconds * 500);
  const took = await stage.all<number>("cut");
  return { backAfter: took.reduce((a, b) => Math.max(a, b), 0) };
}

/** All scenarios. */
export const scenarios: readonly Scenario[] = [
  {
    name: "park",
    title: "connections that stay, with heartbeats",
    plan: {
      ...ONE_CHANNEL,
      connections: 10_000,
      rate: 1,
      burst: 1,
      seconds: 12,
      warmUp: 0,
    },
    perform: park,
  },
  {
    name: "fanout",
    title: "one channel, spaced publishes",
    plan: {
      ...ONE_CHANNEL,
      connections: 10_000,
      rate: 2,
      burst: 1,
      seconds: 10,
      warmUp: 2,
    },
    perform: publishes(true),
  },
  {
    name: "burst",
    title: "one channel, bursts of 20",
    plan: {
      ...ONE_CHANNEL,
      connections: 1_000,
      rate: 40,
      burst: 20,
      seconds: 10,
      warmUp: 10,
    },
    perform: publishes(true),
  },
  {
    name: "rooms",
    title: "100 rooms, 10 a connection, 50-byte messages",
    plan: {
      connections: 1_000,
      channels: 100,
      perConnection: 10,
      rate: 1_000,
      burst: 1,
      seconds: 10,
      warmUp: 2,
      bytes: 50,
      direct: false,
    },
    perform: publishes(true),
  },
  {
    name: "direct",
    title: "each message for one connection",
    plan: {
      ...ONE_CHANNEL,
      direct: true,
      connections: 1_000,
      rate: 1_000,
      burst: 1,
      seconds: 10,
      warmUp: 2,
    },
    suits: ({ direct }) => direct !== undefined,
    perform: publishes(true),
  },
  {
    name: "churn",
    title: "connections come and go meanwhile",
    plan: {
      ...ONE_CHANNEL,
      connections: 2_000,
      rate: 10,
      burst: 1,
      seconds: 10,
      warmUp: 2,
    },
    perform: publishes(false, churn),
  },
  {
    name: "slow",
    title: "a tenth reads slowly or not at all",
    plan: {
      ...ONE_CHANNEL,
      connections: 200,
      rate: 10,
      burst: 1,
      seconds: 12,
      warmUp: 2,
      bytes: 65_536,
    },
    perform: publishes(false, slow),
  },
  {
    name: "resume",
    title: "all are cut at once and come back",
    plan: {
      ...ONE_CHANNEL,
      connections: 2_000,
      rate: 10,
      burst: 1,
      seconds: 10,
      warmUp: 2,
    },
    resumes: true,
    suits: ({ resumes }) => resumes,
    perform: publishes(false, cut),
  },
];
