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
  const opened = await stage.open(plan.connections);
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
  const received = await allIn(
    stage,
    doing.everybody ? deliveries(plan) : Infinity,
    () => usage.mark(),
  );
  const used = usage.stop();
  const after = stage.rss;

  doing.phase("settling");
  const { reports, published: sent } = await stage.report();
  const left = await leaving(stage);

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
    unanswered: sent.unanswered,
    serverCpu: used.server / 1e4 / used.seconds,
    memory: (parked - before) / plan.connections,
    rssBefore: before,
    rssParked: parked,
    rssPeak: used.peak,
    rssAfter: after,
    rssLeft: left.rss,
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
    warnings: [...warningsOf(metrics, accounts), ...left.warnings],
  };
}

/** All leave: the memory that remains, or what came of a server that did not bear it. */
export async function leaving(
  stage: Stage,
): Promise<{ rss: number; warnings: string[] }> {
  try {
    await stage.leave();
    return { rss: await stage.settled(), warnings: [] };
  } catch (error) {
    return { rss: NaN, warnings: [`as all left: ${(error as Error).message}`] };
  }
}

/** Without what could not be measured: the process of the server is not ours. */
export function known(metrics: Record<string, number>): Record<string, number> {
  const entries = Object.entries(metrics);
  return Object.fromEntries(
    entries.filter(([, value]) => !Number.isNaN(value)),
  );
}

/** From when on a delivery counts as a straggler, in ms. */
function stragglersFrom(p99: number): number {
  return Math.max(250, 5 * p99);
}

/**
 * Waits until so many deliveries have come, or none has for a while; how many have.
 * Says each time that some have.
 */
async function allIn(
  stage: Stage,
  expected: number,
  changed: () => void,
): Promise<number> {
  let before = -1;
  const began = now();
  for (let last = began;;) {
    const { received } = await stage.count();
    if (received !== before) {
      last = now();
      changed();
    }
    const over = now() - began >= PATIENCE || now() - last >= QUIET;
    if (received >= expected || over) return received;
    before = received;
    await sleep(100);
  }
}

/** What was used. */
interface Used {
  readonly seconds: number;
  readonly server: number;
  readonly load: number;
  readonly strangers: number;
  readonly peak: number;
}

/** CPU time and memory used from now on, up to the last mark. */
class Usage {
  readonly #stage: Stage;
  readonly #began = now();
  readonly #server: number;
  readonly #load: number[];
  readonly #machine = machineTime();
  readonly #timer: ReturnType<typeof setInterval>;
  #peak = 0;
  #marked: Omit<Used, "peak"> | undefined;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#server = stage.cpu;
    this.#load = this.#loadTimes();
    const look = () => this.#peak = Math.max(this.#peak, stage.rss);
    look();
    this.#timer = setInterval(look, 200);
  }

  /** Everything of that came up to now: what follows is waiting. */
  mark(): void {
    const seconds = (now() - this.#began) / 1_000;
    const server = this.#stage.cpu - this.#server;
    const loads = this.#loadTimes().map((time, i) => time - this.#load[i]!);
    const machine = machineTime();
    const busy = machine.busy - this.#machine.busy;
    const ours = loads.reduce((sum, time) => sum + time, server);
    // In per cent of one core.
    const load = loads.reduce((a, b) => Math.max(a, b), 0) / 1e4 / seconds;
    const strangers = Math.max(0, busy - ours) / 1e4 / seconds;
    this.#marked = { seconds, server, load, strangers };
  }

  stop(): Used {
    clearInterval(this.#timer);
    if (!this.#marked) this.mark();
    return { ...this.#marked!, peak: this.#peak };
  }

  #loadTimes(): number[] {
    const { generators, publisher } = this.#stage;
    return [...generators, publisher].map(({ pid }) => cpuTime(pid));
  }
}
