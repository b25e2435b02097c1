/**
 * A whole run: every scenario with every program, round by round.
 * @module
 */
import type { Cell, Round } from "./result.ts";
import type { Plan } from "./plan.ts";
import type { Runtime } from "./runtimes.ts";
import type { Scenario } from "./scenarios.ts";
import { type Count, Stage } from "./stage.ts";
import type { Subject, Transport } from "./subjects/table.ts";

/** How long a server is left alone before its memory is read, in ms. */
const SETTLE = 1_500;

/** What is to be measured. */
export interface Job {
  readonly scenario: Scenario;
  readonly transport: Transport;
  readonly runtime: Runtime;
  readonly subject: Subject;
  readonly plan: Plan;
}

/** Who is told how far it is. */
export interface Watcher {
  began(job: Job, round: number): void;
  phase(text: string): void;
  /** Where it can look how far a round is, until it is over. */
  live(count: (() => Promise<Count>) | undefined): void;
  ended(job: Job, round: Round | Error): void;
}

/** How it is measured. */
export interface Course {
  readonly repeat: number;
  readonly heartbeat: number;
  /** See `Staging`. */
  readonly settle?: number;
  readonly handicap?: number;
  readonly signal: AbortSignal;
}

/** What of `scenarios` × … there is to do; in the order of the reports. */
export function jobs(
  scenarios: readonly Scenario[],
  transports: readonly Transport[],
  runtimes: readonly Runtime[],
  subjects: readonly Subject[],
  changes: Partial<Plan>,
): Job[] {
  const found: Job[] = [];
  for (const scenario of scenarios) {
    for (const transport of transports) {
      for (const runtime of runtimes) {
        for (const subject of subjects) {
          if (!subject.runtimes.includes(runtime)) continue;
          if (!subject.available(runtime)) continue;
          if (subject.dialects[transport] === undefined) continue;
          if (scenario.suits?.(subject) === false) continue;
          const plan = { ...scenario.plan, ...changes };
          found.push({ scenario, transport, runtime, subject, plan });
        }
      }
    }
  }
  return found;
}

/** Measures once. */
export async function measure(
  job: Job,
  course: Course,
  watcher: Pick<Watcher, "phase" | "live">,
): Promise<Round> {
  const { scenario, transport, runtime, subject, plan } = job;
  const { heartbeat, handicap = 0, settle = SETTLE } = course;
  const resumes = scenario.resumes ?? false;
  const stage = await Stage.start(
    { subject, runtime, transport, plan, heartbeat, resumes, settle, handicap },
  );
  watcher.live(() => stage.count());
  try {
    return await scenario.perform(stage, (text) => watcher.phase(text));
  } finally {
    watcher.live(undefined);
    await stage.end();
  }
}

/** Runs all of it; ends early, with what there is, when the signal says so. */
export async function run(
  todo: readonly Job[],
  course: Course,
  watcher: Watcher,
): Promise<Cell[]> {
  const cells = todo.map((job): Cell => ({
    scenario: job.scenario.name,
    transport: job.transport,
    runtime: job.runtime,
    subject: job.subject.name,
    title: job.subject.title,
    plan: job.plan,
    rounds: [],
  }));
  for (let round = 0; round < course.repeat; round++) {
    for (const i of order(todo.length, round)) {
      if (course.signal.aborted) return cells.filter(hasSomething);
      const job = todo[i]!;
      watcher.began(job, round);
      try {
        const found = await Promise.race([
          measure(job, course, watcher),
          interruption(course.signal),
        ]);
        cells[i]!.rounds.push(found);
        watcher.ended(job, found);
      } catch (error) {
        if (course.signal.aborted) continue;
        cells[i]!.failure = (error as Error).message;
        watcher.ended(job, error as Error);
      }
    }
  }
  return cells.filter(hasSomething);
}

function interruption(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(new Error("interrupted")));
  });
}

function hasSomething({ rounds, failure }: Cell): boolean {
  return rounds.length > 0 || failure !== undefined;
}

/** Every other round goes the other way, so that none is always first. */
function order(length: number, round: number): number[] {
  const forth = Array.from({ length }, (_, i) => i);
  return round % 2 === 0 ? forth : forth.reverse();
}
