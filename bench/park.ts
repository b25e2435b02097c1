/**
 * What a parked connection costs: memory at several sizes, again when all have
 * left and a second time (leaks show), and CPU while nothing happens.
 * @module
 */
import { Times } from "./histogram.ts";
import type { Published } from "./load/publisher.ts";
import { known, leaving, warmUp } from "./measure.ts";
import { now, sleep } from "./orders.ts";
import type { Round } from "./result.ts";
import type { Stage } from "./stage.ts";
import { slope } from "./statistics.ts";
import { warningsOf } from "./warnings.ts";

/** At how many sizes memory is read while connections are parked. */
const SIZES = 5;

/** Connections ramp up and stay, with heartbeats; nothing is published. */
export async function park(
  stage: Stage,
  phase: (text: string) => void,
): Promise<Round> {
  const { plan } = stage.staging;
  const { connections, seconds } = plan;
  phase("warm-up");
  await warmUp(stage, plan);
  const before = await stage.settled();
  await stage.load(plan);
  const memory: [number, number][] = [[0, before]];
  let opening = 0;
  for (let i = 1; i <= SIZES; i++) {
    const number = Math.round(connections * i / SIZES);
    phase(`opening ${number}`);
    opening += await stage.open(number);
    memory.push([number, await stage.settled()]);
  }
  const parked = memory.at(-1)![1];
  phase("holding");
  await stage.publisher.tell("probe");
  const [cpu, began] = [stage.cpu, now()];
  await sleep(seconds * 1_000);
  const held = (now() - began) / 1_000;
  const idle = (stage.cpu - cpu) / held;
  await stage.publisher.tell("stopProbe");
  const { lag, unanswered } = await stage.publisher.tell<Published>("report");
  const { open } = await stage.count();
  phase("leaving");
  const left = await leaving(stage);
  let again = NaN;
  const trouble = left.warnings;
  if (trouble.length === 0) {
    phase("opening again");
    await stage.load(plan);
    await stage.open(connections);
    again = await stage.settled();
    trouble.push(...(await leaving(stage)).warnings);
  }
  const each = (bytes: number) => (bytes - before) / connections;
  const metrics = known({
    memory: each(parked),
    memorySlope: slope(memory.slice(1)),
    memoryAgain: each(again),
    memoryLeft: each(left.rss),
    idleCpu: idle / connections,
    ...Times.sum([lag]).summary("others"),
    unanswered,
    openPerSecond: connections / opening * 1_000,
    rssBefore: before,
    rssParked: parked,
    rssLeft: left.rss,
    rssAgain: again,
  });
  const warnings = [...warningsOf(metrics, undefined), ...trouble];
  if (open < connections) {
    warnings.push(`only ${open} of ${connections} connections stayed open`);
  }
  return { metrics, memory, warnings };
}
