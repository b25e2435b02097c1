/**
 * What people see while it runs: one line that is written over where that is
 * possible, else a line per round.
 * @module
 */
import process from "node:process";
import { format, metrics, shown } from "./metrics.ts";
import type { Round } from "./result.ts";
import type { Job, Watcher } from "./run.ts";
import type { Count } from "./stage.ts";

/** How long a round takes besides publishing, in s, before one has been seen. */
const OVERHEAD = 14;

/** How often it looks how many are open, in ms. */
const LOOK_EVERY = 1_000;

/** Writes progress to standard error. */
export class Progress implements Watcher {
  readonly #total: number;
  readonly #began = Date.now();
  readonly #left: number[];
  #done = 0;
  #spent = 0;
  #guessed = 0;
  #label = "";
  #phase = "";
  #phaseBegan = Date.now();
  #timer: ReturnType<typeof setInterval> | undefined;
  #looks: ReturnType<typeof setInterval> | undefined;
  #count: (() => Promise<Count>) | undefined;
  #seen: { at: number; received: number } | undefined;
  #now = "";

  /** For all rounds of these jobs. */
  constructor(todo: readonly Job[], repeat: number) {
    this.#total = todo.length * repeat;
    this.#left = todo.map(guess);
    this.#guessed = this.#left.reduce((sum, time) => sum + time, 0) * repeat;
    if (process.stderr.isTTY) {
      this.#timer = setInterval(() => this.#draw(), 200);
      this.#looks = setInterval(() => void this.#look(), LOOK_EVERY);
    }
  }

  began({ scenario, transport, subject, runtime, plan }: Job, round: number) {
    const on = runtime === "native" ? "" : ` on ${runtime}`;
    this.#label = `${scenario.name} ${transport}, ${subject.title}${on}, ` +
      `round ${round + 1}: ${plan.connections} connections`;
    if (scenario.name !== "park") this.#label += `, ${plan.rate}/s`;
    this.#now = "";
    this.phase("starting");
  }

  readonly phase = (text: string): void => {
    this.#phase = text;
    this.#phaseBegan = Date.now();
    this.#draw();
  };

  live(count: (() => Promise<Count>) | undefined): void {
    this.#count = count;
    this.#seen = undefined;
    this.#now = "";
  }

  /** How many are open now, and how fast they are delivered to. */
  async #look(): Promise<void> {
    const count = this.#count;
    const found = await count?.().catch(() => undefined);
    if (!found || count !== this.#count) return;
    const [at, before] = [Date.now(), this.#seen];
    const { open, received } = found;
    this.#seen = { at, received };
    const got = Math.max(0, received - (before?.received ?? received));
    const rate = before ? got / (at - before.at) * 1_000 : 0;
    this.#now = `, ${whole(open)} open, ${whole(rate)} deliveries/s`;
  }

  ended(job: Job, round: Round | Error): void {
    this.#done++;
    this.#spent += guess(job);
    const found = round instanceof Error
      ? `failed: ${round.message}`
      : shown(job.scenario.name).slice(0, 4)
        .filter((name) => round.metrics[name] !== undefined)
        .map((name) => {
          const { title, unit } = metrics[name]!;
          return `${title} ${format(name, round.metrics[name]!)} ${unit}`;
        }).join(", ");
    this.#clear();
    console.error(`${this.#done}/${this.#total} ${this.#label}: ${found}`);
  }

  /** Ends the line. */
  stop(): void {
    clearInterval(this.#timer);
    clearInterval(this.#looks);
    this.#clear();
  }

  #draw(): void {
    if (!process.stderr.isTTY) return;
    const elapsed = (Date.now() - this.#began) / 1_000;
    const pace = this.#done > 0 ? elapsed / this.#spent : 1;
    const eta = Math.max(0, this.#guessed * pace - elapsed);
    const since = ((Date.now() - this.#phaseBegan) / 1_000).toFixed(0);
    const line = `${this.#done + 1}/${this.#total} ${this.#label}: ` +
      `${this.#phase} ${since} s${this.#now}; ${clock(eta)} to go`;
    const width = process.stderr.columns ?? 80;
    this.#clear();
    process.stderr.write(line.slice(0, width - 1));
  }

  #clear(): void {
    if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  }
}

/** About how long a round takes, in s. */
function guess({ plan, scenario }: Job): number {
  const opening = plan.connections / 1_500;
  const park = scenario.name === "park" ? 3 * opening + 14 : 0;
  return OVERHEAD + opening + park + plan.seconds + plan.warmUp;
}

function whole(number: number): string {
  return Math.round(number).toLocaleString("en-US");
}

function clock(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}
