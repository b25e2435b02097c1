/**
 * A process of clients. Its orders make them connect, leave, read slowly, come and
 * go, and say what they got.
 * @module
 */
import { now, obey, sleep } from "../orders.ts";
import { channelsOf, nameOf, type Plan } from "../plan.ts";
import { type Client, type Route, StreamingClient } from "./client.ts";
import { dialects } from "./dialects.ts";
import { ExchangeClient } from "./exchange_client.ts";
import { Lag } from "./lag.ts";
import { type Books, Ledger } from "./ledger.ts";

/** How many connections a source address makes. */
const PER_ADDRESS = 5_000;

/** How many are being opened at a time. */
const AT_ONCE = 50;

/** What a generator is told first. */
export interface Load {
  readonly plan: Plan;
  readonly dialect: string;
  readonly address: string;
  readonly port: number;
  /** Where one subscribes (see `pathOf`). */
  readonly path: string;
  /** Which of the run's clients are its own. */
  readonly first: number;
  readonly number: number;
  /** Whether they come back with the last id they had. */
  readonly resumes: boolean;
  /** Whether each client has a channel of its own besides, for direct messages. */
  readonly ownChannels: boolean;
  /** The third byte of its source addresses. */
  readonly net: number;
  /** A handicap in µs a delivery, to see that the bench notices. */
  readonly handicap: number;
}

/** What a generator says at the end. */
export interface Reported extends Books {
  /** Connections that the server closed. */
  readonly dropped: number;
  /** How late its own event loop was, in ms. */
  readonly lag: number;
}

/** The channel that a client alone follows. */
function ownChannel(index: number): string {
  return `bench-own-${index}`;
}

let clients: Client[] = [];
let ledger: Ledger;
let load: Load;
let churning = false;
const lag = new Lag();

function make(index: number): Client {
  const { plan, first, address, port, path, net } = load;
  const host = `${Math.floor(index / PER_ADDRESS) + 1}`;
  const route: Route = { address, port, from: `127.0.${net}.${host}` };
  const channels = load.ownChannels
    ? [ownChannel(first + index)]
    : channelsOf(plan, first + index).map(nameOf);
  const talk = { host: `${address}:${port}`, path, channels };
  const dialect = dialects[load.dialect]!;
  if (dialect.kind === "exchange") {
    return new ExchangeClient(index, ledger, route, dialect, talk);
  }
  const { resumes } = load;
  return new StreamingClient(index, ledger, route, dialect, talk, resumes);
}

function slowed(plan: Plan, first: number): Ledger {
  const made = new Ledger(plan, first, load.number);
  if (load.handicap === 0) return made;
  const take = made.take.bind(made);
  made.take = (client, n, at) => {
    const until = now() + load.handicap / 1_000;
    while (now() < until);
    take(client, n, at);
  };
  return made;
}

/** Connects those that are not, a few at a time. */
async function connectAll(): Promise<void> {
  const waiting = clients.filter((client) => !client.open);
  const worker = async () => {
    for (let client = waiting.pop(); client; client = waiting.pop()) {
      await client.connect();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

await obey({
  load(told: Load) {
    load = told;
    ledger = slowed(load.plan, load.first);
  },
  /** Opens so many connections in all. */
  async open(number: number) {
    while (clients.length < number) clients.push(make(clients.length));
    await connectAll();
  },
  /** Messages are due from then on, in this process's time. */
  start(at: number) {
    ledger.startedAt = at;
    lag.start();
  },
  /** Whom a direct message can be sent to. */
  ids: () =>
    clients.map(({ id, index }) =>
      load.ownChannels ? ownChannel(load.first + index) : id
    ),
  count: () => ({
    received: ledger.received,
    open: clients.reduce((sum, { open }) => sum + (open ? 1 : 0), 0),
  }),
  /** All connections are cut at once, and come back; how long that took, in ms. */
  async cut() {
    const at = now();
    await Promise.all(clients.map((client) => client.back()));
    return now() - at;
  },
  /** Cuts so many connections a second and makes new ones in their place. */
  churn(perSecond: number) {
    churning = perSecond > 0;
    void (async () => {
      let next = 0;
      const begun = now();
      for (let i = 0; churning; i++) {
        await sleep(begun + i * 1_000 / perSecond - now());
        const client = clients[next++ % clients.length]!;
        if (!client.open) continue;
        ledger.settle(client.index);
        client.leave();
        await client.connect();
        ledger.begin(client.index, now());
      }
    })();
  },
  /** Of the first clients so many do not read, and so many only now and then. */
  slow({ stopped, slow }: { stopped: number; slow: number }) {
    clients.slice(0, stopped + slow).forEach((client, i) => {
      ledger.exclude(client.index, true);
      client.pause();
      if (i < stopped) return;
      setInterval(() => {
        client.resume();
        setTimeout(() => client.pause(), 5);
      }, 500);
    });
  },
  report(): Reported {
    churning = false;
    const dropped = clients.filter(({ fault }) => fault !== undefined).length;
    return { ...ledger.close(clients.length), dropped, lag: lag.p99 };
  },
  /** All leave at once. */
  close() {
    for (const client of clients) client.leave();
    clients = [];
  },
});
