/**
 * One round: publishes a plan at a server under load, and takes the numbers.
 * @module
 */
import { account, overTime, perMessage } from "./accounts.ts";
import { Times } from "./histogram.ts";
import { now, sleep } from "./orders.ts";
import { deliveries, type Plan } from "./plan.ts";
import { cpuTime, machineTime } from "./proc.ts";
import type { Round } from "./result.ts";
import type { Stage } from "./stage.ts";
import { warningsOf } from "./warnings.ts";

/**
 * Connections that come and go first, so that what is loaded late is no cost of
 * one. Few: what they leave behind is used again, and would not be counted.
 */
const WARM_UP = 20;

/** How long nothing must come until a run is over, in ms. */
const QUIET = 2_500;

/** The longest that is waited for deliveries, in ms. */
const PATIENCE = 60_000;

/** What a scenario does besides publishing. */
export interface Doing {
  /** Begins with the measured part. */
  during?(stage: Stage): Promise<Record<string, number>>;
  /** Whether every client gets every message, in one order. */
  readonly everybody: boolean;
  /** Tells what goes on. */
  phase(text: string): void;
}

/** Lets a few connections come and go. */
export async function warmUp(stage: Stage, plan: Plan): Promise<void> {
  const few = { ...plan, connections: Math.min(WARM_UP, plan.connections) };
  await stage.load(few);
  await stage.open(few.connections);
  if (!plan.direct) await stage.publisher.tell("once");
  await stage.leave();
}

/** Publishes the plan of the stage to all its connections. */
export async function publishing(stage: Stage, doing: Doing): Promise<Round> {
  const { plan } = stage.staging;
  doing.phase("warm-up");
  await warmUp(stage, plan);
  const before = await stage.settled();
  doing.phase(`opening ${plan.connections}`);
  await stage.load(plan);
  const opening = now();
  await stage.open(plan.connections);
  const opened = now() - opening;
  const parked = await stage.settled();
  if (plan.direct) {
    const ids = await stage.all<string[]>("ids");
    await stage.publisher.tell("receivers", ids.flat());
  }
  await stage.publisher.tell("warm");

  doing.phase("publishing");
  const { startedAt, published } = stage.begin();
  published.catch(() => {});
  await sleep(startedAt + plan.warmUp * 1_000 - 100 - now());
  const usage = new Usage(stage);
  const had = await stage.count();
  const more = doing.during?.(stage);
  await Promise.all([published, more]);
  await allIn(stage, doing.everybody ? deliveries(plan) : Infinity);
  const { received } = await stage.count();
  const used = usage.stop();
  const after = stage.rss;

  doing.phase("settling");
  const { reports, published: sent } = await stage.report();
  await stage.leave();
  const left = await stage.settled();

  const accounts = account(plan, reports, sent, doing.everybody);
  const latencies = Times.sum(reports.map((report) => report.latencies));
  const lag = Times.sum([sent.lag]);
  const late = Times.sum([sent.late]);
  const each = perMessage(plan, reports);
  const lasts = each.map(({ last }) => last).toSorted((a, b) => a - b);
  const last = (share: number) =>
    lasts[Math.min(lasts.length - 1, Math.floor(lasts.length * share))] ?? 0;
  const metrics = {
    cpuPerDelivery: used.server / (received - had.received),
    deliveriesPerSecond: (received - had.received) / used.seconds,
    ...latencies.summary("latency"),
    lastP50: last(0.5),
    lastP99: last(0.99),
    lastMax: last(1),
    ...lag.summary("others"),
    serverCpu: used.server / 1e4 / used.seconds,
    memory: (parked - before) / plan.connections,
    rssBefore: before,
    rssParked: parked,
    rssPeak: used.peak,
    rssAfter: after,
    rssLeft: left,
    openPerSecond: plan.connections / opened * 1_000,
    loadCpu: used.load,
    loadLag: reports.reduce((most, report) => Math.max(most, report.lag), 0),
    lateSends: late.percentile(99),
    strangersCpu: used.strangers,
    stragglers: latencies.above(stragglersFrom(latencies.percentile(99))),
    ...await more,
  };
  return {
    metrics: known(metrics),
    accounts,
    distribution: latencies.distribution(),
    overTime: overTime(each),
    warnings: warningsOf(metrics, accounts),
  };
}

/** Without what could not be measured: the process of the server is not ours. */
function known(metrics: Record<string, number>): Record<string, number> {
  const entries = Object.entries(metrics);
  return Object.fromEntries(
    entries.filter(([, value]) => !Number.isNaN(value)),
  );
}

/** From when on a delivery counts as a straggler, in ms. */
function stragglersFrom(p99: number): number {
  return Math.max(250, 5 * p99);
}

/** Waits until so many deliveries have come, or none has for a while. */
async function allIn(stage: Stage, expected: number): Promise<void> {
  let before = -1;
  const began = now();
  for (let changed = began; now() - began < PATIENCE;) {
    const { received } = await stage.count();
    if (received >= expected) return;
    if (received !== before) changed = now();
    else if (now() - changed >= QUIET) return;
    before = received;
    await sleep(100);
  }
}

/** CPU time and memory used from now on. */
class Usage {
  readonly #stage: Stage;
  readonly #began = now();
  readonly #server: number;
  readonly #load: number[];
  readonly #machine = machineTime();
  readonly #timer: ReturnType<typeof setInterval>;
  #peak = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#server = stage.cpu;
    this.#load = this.#loadTimes();
    const look = () => this.#peak = Math.max(this.#peak, stage.rss);
    look();
    this.#timer = setInterval(look, 200);
  }

  stop(): {
    seconds: number;
    server: number;
    load: number;
    strangers: number;
    peak: number;
  } {
    clearInterval(this.#timer);
    const seconds = (now() - this.#began) / 1_000;
    const server = this.#stage.cpu - this.#server;
    const loads = this.#loadTimes().map((time, i) => time - this.#load[i]!);
    const machine = machineTime();
    const busy = machine.busy - this.#machine.busy;
    const ours = loads.reduce((sum, time) => sum + time, server || 0);
    // In per cent of one core.
    const load = loads.reduce((a, b) => Math.max(a, b), 0) / 1e4 / seconds;
    const strangers = Math.max(0, busy - ours) / 1e4 / seconds;
    return { seconds, server, load, strangers, peak: this.#peak };
  }

  #loadTimes(): number[] {
    const { generators, publisher } = this.#stage;
    return [...generators, publisher].map(({ pid }) => cpuTime(pid));
  }
}
