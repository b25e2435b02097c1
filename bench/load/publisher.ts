/**
 * The process that publishes, each message when it is due, and that asks the
 * server for `/healthz` on a connection of its own meanwhile: how long that takes
 * is how long anybody else waits.
 * @module
 */
import { Times } from "../histogram.ts";
import { now, obey, sleep } from "../orders.ts";
import {
  channelOf,
  due,
  messages,
  nameOf,
  type Plan,
  receiverOf,
  textOf,
} from "../plan.ts";
import { pathOf } from "./dialects.ts";
import { Lanes, type Outcome } from "./lanes.ts";

/** How often `/healthz` is asked for, in ms. */
const PROBE_EVERY = 20;

/** What the publisher is told first. */
export interface Publishing {
  readonly plan: Plan;
  readonly address: string;
  readonly port: number;
  /** Where one publishes (see `pathOf`; `{id}` is whom a direct message is for). */
  readonly path: string;
  /** What answers at once, if anything does. */
  readonly health: string | undefined;
}

/** What it says at the end. */
export interface Published {
  /** When each message was sent and answered, in ms since the start. */
  readonly sent: number[];
  readonly answered: number[];
  readonly failed: number;
  readonly failure: string | undefined;
  /** How many of the others' requests had no good answer. */
  readonly unanswered: number;
  /** How late messages were sent, and how long others waited, in µs. */
  readonly late: string;
  readonly lag: string;
}

let publishing: Publishing;
let lanes: Lanes;
let probes: Lanes;
let receivers: string[] = [];
let outcome = fresh();
let probing: Promise<void> = Promise.resolve();
let probesDue = false;

function fresh() {
  return {
    sent: [] as number[],
    answered: [] as number[],
    failed: 0,
    failure: undefined as string | undefined,
    done: 0,
    unanswered: 0,
    late: new Times(),
    lag: new Times(),
  };
}

function post(n: number): string {
  const { plan, path, address, port } = publishing;
  const id = receivers[receiverOf(plan, n)] ?? "";
  const channel = nameOf(channelOf(plan, n));
  const filled = pathOf(path, [channel]).replace("{id}", id);
  const text = textOf(plan, n);
  return `POST ${filled} HTTP/1.1\r\nhost: ${address}:${port}\r\n` +
    `content-type: text/plain\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
}

function healthRequest(): string {
  const { health, address, port } = publishing;
  return `GET ${health} HTTP/1.1\r\nhost: ${address}:${port}\r\n\r\n`;
}

async function publish(n: number, startedAt: number): Promise<void> {
  let result: Outcome | undefined;
  try {
    result = await lanes.send(post(n));
    const { status, body } = result.answer;
    if (status >= 300) {
      throw new Error(`${status} ${body.toString("latin1", 0, 200)}`);
    }
  } catch (error) {
    outcome.failed++;
    outcome.failure ??= (error as Error).message;
  }
  outcome.done++;
  if (!result) return;
  outcome.sent[n] = result.sent - startedAt;
  outcome.answered[n] = result.answered - startedAt;
  outcome.late.add(result.sent - startedAt - due(publishing.plan, n));
}

/** Publishes everything that is due, until there is no more. */
async function publishAll(startedAt: number): Promise<void> {
  const { plan } = publishing;
  const total = messages(plan);
  const under: Promise<void>[] = [];
  for (let n = 0; n < total;) {
    const wait = startedAt + due(plan, n) - now();
    if (wait > 0) await sleep(wait);
    else under.push(publish(n++, startedAt));
  }
  await Promise.all(under);
}

/**
 * Asks as others do until `probesDue` ends, and waits for what has been asked by then:
 * a server that is behind at the end keeps those waiting. What is due before `from` is
 * not counted.
 */
async function probe(from: number): Promise<void> {
  if (publishing.health === undefined) return;
  probesDue = true;
  const asked: Promise<void>[] = [];
  const startedAt = now();
  for (let i = 0; probesDue; i++) {
    const at = startedAt + i * PROBE_EVERY;
    if (at > now()) await sleep(at - now());
    const wait = probes.send(healthRequest()).then(({ answer, answered }) => {
      if (answer.status !== 200) throw new Error(answer.head);
      return answered;
    }).catch(() => {
      if (at >= from) outcome.unanswered++;
      return now();
    });
    asked.push(wait.then((until) => {
      if (at >= from) outcome.lag.add(until - at);
    }));
  }
  await Promise.all(asked);
}

function stopProbe(): Promise<void> {
  probesDue = false;
  return probing;
}

await obey({
  load(told: Publishing) {
    publishing = told;
    lanes = new Lanes(told.address, told.port);
    probes = new Lanes(told.address, told.port);
    outcome = fresh();
  },
  /** Whom direct messages are for, in the order of the clients. */
  receivers(ids: string[]) {
    receivers = ids;
  },
  /** Opens the connections that a burst takes. */
  async warm() {
    if (publishing.health === undefined) return;
    const number = Math.min(publishing.plan.burst, 64);
    await lanes.warm(number, healthRequest());
  },
  /** Publishes one message that nobody counts. */
  async once() {
    const { answer } = await lanes.send(post(0));
    if (answer.status >= 300) {
      throw new Error(`It cannot be published: ${answer.head} ${answer.body}`);
    }
  },
  /** Publishes what is due, from then on; answers when all has been answered. */
  async publish(startedAt: number) {
    probing = probe(startedAt + publishing.plan.warmUp * 1_000);
    await publishAll(startedAt);
    await stopProbe();
  },
  probe: () => void (probing = probe(0)),
  stopProbe,
  count: () => outcome.done,
  report: (): Published => ({
    sent: outcome.sent,
    answered: outcome.answered,
    failed: outcome.failed,
    failure: outcome.failure,
    unanswered: outcome.unanswered,
    late: outcome.late.encode(),
    lag: outcome.lag.encode(),
  }),
});
