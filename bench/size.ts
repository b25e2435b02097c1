/**
 * `bench size`: how many connections fit. It measures at a few sizes, draws lines
 * through what it finds, sees which limit they reach first, and then runs at the
 * size that this predicts (or the largest this machine allows), to see how far off
 * the prediction was.
 *
 * The model is three lines over the number of connections at a given rate of
 * messages: the server's peak memory, its CPU time per second, and the 99th
 * percentile of the latency. All three are straight as long as nothing is
 * saturated; so a size is never predicted above 80 % of a core, unless one asks.
 * Where one of them bends all the same and what happens is not close to what was
 * predicted, lines through the nearest sizes make another prediction, which is
 * tried out like the first.
 * @module
 */
import { descriptorLimit } from "./proc.ts";
import { error } from "./report/sizing.ts";
import { type Cell, isClean, type Round, type Sizing } from "./result.ts";
import { type Course, type Job, measure, type Watcher } from "./run.ts";
import { SPARE } from "./stage.ts";
import { line, median } from "./statistics.ts";

/** What must not be exceeded; what is not given (`Infinity`) does not limit. */
export interface Limits {
  /** Peak resident memory of the server's process, in bytes. */
  readonly memory: number;
  /** CPU of the server's process, in per cent of a core. */
  readonly cpu: number;
  /** 99th percentile of latency, in ms. */
  readonly p99: number;
  /** Open descriptors of the server's process. */
  readonly descriptors: number;
}

/** The first look, which says at what sizes to measure. */
const PILOT = 1_000;

/** The sizes that the lines go through, as shares of the first guess. */
const SHARES = [0.25, 0.5, 0.75];

/** Fewer connections are not measured. */
const FEWEST = 10;

/** A prediction this near to what happens is good, in per cent. */
const CLOSE = 15;

/** How many predictions are tried out at most. */
const TRIES = 3;

/** Through how many sizes the lines of another prediction go. */
const NEAREST = 3;

/** At how many sizes that measures at most: the first look, these, and the tries. */
export const SIZES: number = 1 + SHARES.length + TRIES;

/** What each limit limits, how one says it, and in what unit. */
const LINES = [
  ["memory", "rssPeak", "peak memory, MB", 1e6],
  ["cpu", "serverCpu", "server CPU, %", 1],
  ["p99", "latencyP99", "p99 latency, ms", 1],
] as const;

const BOUNDS: Record<string, string> = {
  memory: "memory",
  cpu: "CPU",
  p99: "latency",
  descriptors: "descriptors",
};

/** A limit that nothing says anything about. */
export class UnknownError extends Error {}

/** A model: a line for each limit. */
export type Model = Record<string, { at0: number; slope: number }>;

/** What was measured at a size. */
export interface Point {
  readonly connections: number;
  readonly metrics: Round["metrics"];
}

/** Draws the lines through some rounds. */
export function modelOf(points: readonly Point[]): Model {
  return Object.fromEntries(LINES.map(([limit, metric]) => [
    limit,
    line(
      points.map(({ connections, metrics }) =>
        [connections, metrics[metric] ?? NaN] as const
      ),
    ),
  ]));
}

/**
 * Throws an `UnknownError` if there is a limit of which nothing was measured, as of a
 * server whose process is not known.
 */
export function judgeable({ metrics }: Point, limits: Limits): void {
  for (const [limit, metric, name] of LINES) {
    const known = Number.isFinite(metrics[metric]);
    if (known || limits[limit] === Infinity) continue;
    throw new UnknownError(
      `Of this server nobody knows: ${name} (--${limit}).`,
    );
  }
}

/** How many connections each limit allows. */
export function allowed(model: Model, limits: Limits): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [limit] of LINES) {
    const { at0, slope } = model[limit]!;
    const spare = limits[limit] - at0;
    if (spare === Infinity) found[limit] = Infinity;
    else if (spare <= 0) found[limit] = 0;
    else found[limit] = slope > 0 ? spare / slope : Infinity;
  }
  found.descriptors = limits.descriptors - SPARE;
  return found;
}

/** The limit that is reached first. */
export function bound(
  allowed: Record<string, number>,
): { name: string; connections: number } {
  const [first] = Object.entries(allowed).toSorted(([, a], [, b]) => a - b);
  const [name, most] = first!;
  return { name: BOUNDS[name] ?? name, connections: Math.floor(most) };
}

/** Measures, predicts, and tries the prediction out. */
export async function size(
  job: Job,
  limits: Limits,
  course: Course,
  watcher: Watcher,
): Promise<{ cells: Cell[]; sizing: Sizing | undefined }> {
  const cells: Cell[] = [];
  const points: Point[] = [];
  let sizing: Tried | undefined;
  const before: Tried[] = [];
  const clean = () =>
    cells.at(-1)!.rounds.every(({ accounts }) =>
      !accounts || isClean(accounts)
    );
  const at = async (connections: number): Promise<Point> => {
    const plan = { ...job.plan, connections };
    const { scenario, transport, runtime, subject } = job;
    const rounds: Round[] = [];
    cells.push({
      scenario: scenario.name,
      transport,
      runtime,
      subject: `${subject.name}-${connections}`,
      title: `${subject.title}, ${connections.toLocaleString("en-US")}`,
      plan,
      rounds,
    });
    for (let i = 0; i < course.repeat; i++) {
      watcher.began({ ...job, plan }, i);
      const round = await measure({ ...job, plan }, course, watcher);
      watcher.ended({ ...job, plan }, round);
      rounds.push(round);
    }
    return { connections, metrics: medians(rounds) };
  };
  try {
    // A machine that has more descriptors than this one can be planned for, too.
    const here = descriptorLimit() - SPARE;
    const pilot = await at(Math.min(PILOT, here));
    const origin = { connections: 0, metrics: baseOf(pilot.metrics) };
    judgeable(pilot, limits);
    const first = modelOf([origin, pilot]);
    const guess = bound(allowed(first, limits)).connections;
    if (guess < FEWEST) {
      const sizing = sizingOf(first, limits, pilot, clean());
      return { cells, sizing: { ...sizing, check: [], before } };
    }
    const most = Math.min(guess, here);
    for (const share of SHARES) {
      points.push(await at(Math.max(FEWEST, Math.round(most * share))));
    }
    for (let tried = 1; tried <= TRIES; tried++) {
      const model = modelOf(nearest(points, points.at(-1)!.connections));
      const { connections } = bound(allowed(model, limits));
      const checkedAt = Math.max(FEWEST, Math.min(connections, here));
      // What was seen there is no prediction.
      if (points.some(({ connections }) => connections === checkedAt)) break;
      if (sizing) before.push(sizing);
      points.push(await at(checkedAt));
      sizing = sizingOf(model, limits, points.at(-1)!, clean());
      if (sizing.check.every((one) => Math.abs(error(one)) <= CLOSE)) break;
    }
  } catch (error) {
    if (!course.signal.aborted) throw error;
  }
  return {
    cells: cells.filter(({ rounds }) => rounds.length > 0),
    sizing: sizing && { ...sizing, before },
  };
}

/** The sizes that are nearest to one. */
export function nearest(points: readonly Point[], size: number): Point[] {
  const far = ({ connections }: Point) => Math.abs(connections - size);
  return points.toSorted((a, b) => far(a) - far(b)).slice(0, NEAREST);
}

type Tried = Omit<Sizing, "before">;

/** A prediction beside what happened. */
function sizingOf(
  model: Model,
  limits: Limits,
  { connections, metrics }: Point,
  clean: boolean,
): Tried {
  const fits = allowed(model, limits);
  const { name, connections: predicted } = bound(fits);
  const names = [...LINES, ["descriptors", "", "descriptors", 1]] as const;
  return {
    limits: Object.fromEntries(
      names.map(([limit, , name, unit]) => [name, known(limits[limit] / unit)]),
    ),
    allowed: Object.fromEntries(
      names.map(([limit, , name]) => [name, known(fits[limit]!)]),
    ),
    predicted,
    checkedAt: connections,
    clean,
    bound: name,
    model: Object.fromEntries(
      Object.entries(model).flatMap(([name, { at0, slope }]) => [
        [`${name}At0`, at0],
        [`${name}PerConnection`, slope],
      ]),
    ),
    check: LINES.filter(([, metric]) => Number.isFinite(metrics[metric])).map(
      ([limit, metric, name, unit]) => ({
        name,
        predicted: (model[limit]!.at0 + model[limit]!.slope * connections) /
          unit,
        measured: metrics[metric]! / unit,
        limit: known(limits[limit] / unit),
      }),
    ),
  };
}

/** JSON has no infinity. */
function known(number: number): number | null {
  return number === Infinity ? null : number;
}

/** The numbers of the lines, each the median of all rounds. */
function medians(rounds: readonly Round[]): Round["metrics"] {
  const names = ["rssBefore", ...LINES.map(([, metric]) => metric)];
  return Object.fromEntries(names.map((name) => [
    name,
    median(rounds.map(({ metrics }) => metrics[name] ?? NaN)),
  ]));
}

/** What there is without any connection. */
function baseOf(metrics: Round["metrics"]): Round["metrics"] {
  return { rssPeak: metrics.rssBefore ?? NaN, serverCpu: 0, latencyP99: 0 };
}
