/**
 * Measures one backplane under one runtime, once.
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { Child } from "../child.ts";
import { sleep } from "../orders.ts";
import { cpuTime } from "../proc.ts";
import { command } from "../runtimes.ts";
import { startService } from "../services.ts";
import { median } from "../statistics.ts";
import type { Kind } from "./kinds.ts";

/** How many responses are parked to see what a delivery costs. */
const PARKED = 200;
const TOGETHER = 50;
/** How long a delivery may take to come, in ms. */
const PATIENCE = 30_000;

/** What was found: ms, µs of CPU, and publishes a second. */
export type Measured = Record<string, number>;

interface Sent {
  readonly sent: number[];
  readonly took: number[];
  readonly ms: number;
}

const NODE = new URL("./node.ts", import.meta.url);

/** Measures it; `quick` looks only whether everything works. */
export async function measure(
  kind: Kind,
  runtime: "bun" | "deno",
  quick: boolean,
): Promise<Measured> {
  const service = kind.needs && await startService(kind.needs);
  const folder = mkdtempSync(`${tmpdir()}/bench-backplane-`);
  const at = service ? String(service.port) : folder;
  const children: Child[] = [];
  const node = async () => {
    const run = command(runtime, NODE, "--unstable-kv");
    const child = new Child([...run, kind.name, at]);
    children.push(child);
    await child.tell("ready");
    return child;
  };
  const cpuOf = (pid: number | undefined) => pid ? cpuTime(pid) : 0;
  try {
    const first = await node();
    const scale = quick ? 0.02 : 1;
    const [alone, many] = [500 * scale, 10_000 * scale];
    // What is compiled late is no cost of one.
    await first.tell("publish", { number: many / 2, together: TOGETHER });
    const one = await first.tell<Sent>("publish", {
      number: alone,
      together: 1,
    });
    const [own, its] = [first.cpu, cpuOf(service?.pid)];
    const batch = await first.tell<Sent>("publish", {
      number: many,
      together: TOGETHER,
    });
    const publishCpu = (first.cpu - own) / many;
    const serviceCpu = (cpuOf(service?.pid) - its) / many;

    await first.tell("park", PARKED);
    await spread(first, 20);
    const fanned = 2_000 * scale;
    const before = first.cpu;
    await spread(first, fanned);
    const perMessage = (first.cpu - before) / fanned;
    const lasts = await fanout(first, first, 100 * scale, PARKED, 0);
    const found: Measured = {
      publishP50: quantile(one.took, 0.5),
      publishP99: quantile(one.took, 0.99),
      perSecond: many / batch.ms * 1_000,
      publishCpu,
      ...(service && { serviceCpu }),
      deliveryCpu: Math.max(0, perMessage - publishCpu) / PARKED,
      lastP50: median(lasts),
    };
    if (!kind.shared) return found;

    const other = await node();
    await other.tell("park", 1);
    const offset = await other.clockOffset() - await first.clockOffset();
    const there = await fanout(first, other, alone / 2, 1, offset);
    return {
      ...found,
      otherP50: median(there),
      otherP99: quantile(there, 0.99),
    };
  } finally {
    await Promise.all(children.map((child) => child.end()));
    await service?.end();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Publishes to all that are parked, and waits until every one has everything. */
async function spread(node: Child, number: number): Promise<void> {
  await node.tell("forget");
  await node.tell("publish", { number, together: TOGETHER });
  await all(node, number * PARKED);
}

/** One at a time: how long until the last of those parked `at` had each, in ms. */
async function fanout(
  from: Child,
  at: Child,
  number: number,
  parked: number,
  offset: number,
): Promise<number[]> {
  await at.tell("forget");
  const { sent } = await from.tell<Sent>("publish", { number, together: 1 });
  const { heard } = await all(at, number * parked);
  return sent.map((time, n) => heard[n]! - offset - time);
}

/** Waits for so many deliveries; throws if there are fewer, or more. */
async function all(node: Child, number: number): Promise<{ heard: number[] }> {
  for (const end = Date.now() + PATIENCE;;) {
    const found = await node.tell<{ delivered: number; heard: number[] }>(
      "heard",
    );
    if (found.delivered === number) return found;
    if (found.delivered > number || Date.now() > end) {
      throw new Error(`${found.delivered} of ${number} deliveries came.`);
    }
    await sleep(5);
  }
}

function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const place = Math.floor(sorted.length * share);
  return sorted[Math.min(sorted.length - 1, place)]!;
}
