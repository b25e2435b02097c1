/**
 * Servers of both runtimes over one service behind a balancer, a publisher and
 * clients; and at the end a comparison of all that was published with all that was
 * heard.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type Client, createClient } from "../../client.ts";
import {
  assertWhole,
  type Heard,
  isCurrent,
  Publisher,
  type Runtime,
  Server,
  until,
} from "../outside.ts";
import { pause } from "../harness.ts";
import { Service, Wire } from "../services.ts";
import { Balancer } from "./balancer.ts";

/** What servers share. */
export type Kind = "redis" | "nats";

const TRANSPORTS = ["stream", "sse", "poll", "auto"] as const;
const BACKOFF = { min: 20, max: 200 };

/** How long a client that is open may be unknown to a node, in ms. */
const LOST = 20_000;

/** A client, and what it heard. */
class Listener {
  readonly client: Client;
  readonly heard: Heard[] = [];
  /** What was sent to it alone, by the id it had then. */
  readonly own: [id: string, data: unknown][] = [];

  constructor(url: string, readonly name: string, number: number) {
    const transport = TRANSPORTS[number % TRANSPORTS.length]!;
    this.client = createClient(url, { transport, backoff: BACKOFF });
    this.client.on("reset", () => void this.heard.push("reset"));
    this.client.on("message", ({ channel, id, data }) => {
      if (channel === "a/b") this.heard.push([id, data]);
      else this.own.push([id, data]);
    });
    this.client.subscribe(number % 2 ? "a/*" : "a/b", () => {});
  }

  /** How often it was told that something is missing. */
  get resets(): number {
    return this.heard.filter((heard) => heard === "reset").length;
  }
}

/** Everything that takes part. */
export class Fleet implements AsyncDisposable {
  service: Service;
  readonly servers: Server[];
  /** The way of each server to what they share. */
  readonly wires: Wire[];
  readonly balancer: Balancer;
  readonly listeners: Listener[] = [];
  readonly #former: Service[] = [];
  readonly #url: string;
  readonly #publisher: Publisher;
  /** What was sent to whom. */
  readonly #sent: { to: Listener; id: string; data: number }[] = [];
  /** What may have been sent: its answer never came. */
  readonly #doubtful = new Set<unknown>();
  #stopped = false;
  readonly #sending: Promise<void>;

  private constructor(
    { service, servers, wires, balancer }: Pick<
      Fleet,
      "service" | "servers" | "wires" | "balancer"
    >,
  ) {
    this.service = service;
    this.servers = servers;
    this.wires = wires;
    this.balancer = balancer;
    this.#url = `http://127.0.0.1:${balancer.port}/push`;
    for (let i = 0; i < 8; i++) {
      this.listeners.push(new Listener(this.#url, `client ${i}`, i));
    }
    this.#publisher = new Publisher(`${this.#url}/a/b`);
    this.#sending = this.#send();
  }

  /** Starts servers of these runtimes; everybody listens when this is done. */
  static async start(kind: Kind, ...runtimes: Runtime[]): Promise<Fleet> {
    const service = await (kind === "redis" ? Service.redis() : Service.nats());
    const wires = await Promise.all(
      runtimes.map(() => Wire.to(service.port)),
    );
    const servers = await Promise.all(runtimes.map((runtime, i) => {
      const at = `${kind}://127.0.0.1:${wires[i]!.port}`;
      return Server.start(runtime, { [`HALLEY_${kind.toUpperCase()}`]: at });
    }));
    for (const { origin } of servers) {
      await until(async () => (await fetch(`${origin}/healthz`)).ok, "ready");
    }
    const balancer = await Balancer.to(servers.map(({ port }) => port));
    const fleet = new Fleet({ service, servers, wires, balancer });
    await fleet.open();
    // What is compared begins where everybody is there.
    await fleet.more(5);
    return fleet;
  }

  /** Waits until every client is connected. */
  async open(): Promise<void> {
    for (const { client, name } of this.listeners) {
      await until(() => client.state === "open", `${name} is open`);
    }
  }

  /** Leads all servers to another service, which ends with the fleet. */
  lead(service: Service): void {
    this.#former.push(this.service);
    this.service = service;
    for (const wire of this.wires) wire.target = service.port;
  }

  /** What some server has said, if `part` is in it. */
  said(part: string): string | undefined {
    const outputs = this.servers.map(({ output }) => output);
    return outputs.find((output) => output.includes(part));
  }

  /** Waits until so many more have been published. */
  more(count: number): Promise<void> {
    return this.#publisher.more(count);
  }

  /** The ids of the clients' connections, as every node tells who is present. */
  async present(): Promise<void> {
    const ids = () => this.listeners.map(({ client }) => client.id).sort();
    for (const { url } of this.servers) {
      let told: unknown;
      await until(async () => {
        const answer = await fetch(`${url}/$presence?channel=a/b`);
        const { presence } = await answer.json();
        told = presence["a/b"].map((one: { connection: string }) =>
          one.connection
        ).sort();
        return JSON.stringify(told) === JSON.stringify(ids());
      }, () => [told, ids()]);
    }
  }

  /**
   * Stops, waits for the end to be heard, and compares: nothing is lost in silence,
   * nothing comes twice, all in order, and each client was told of `resets`.
   */
  async compare(resets: number): Promise<void> {
    this.#stopped = true;
    await this.#publisher.stop();
    await this.#sending;
    for (const { heard, name } of this.listeners) {
      await until(
        () => isCurrent(heard, this.#publisher.ids),
        () => [name, this.#publisher.ids.slice(-3), heard.slice(-3)],
      );
    }
    for (const { heard, own, name, resets: told } of this.listeners) {
      // One that came while something was published has not had what came before.
      const first = heard.find((item) => item !== "reset") as Heard & string[];
      const from = this.#publisher.ids.indexOf(first[0]!);
      const ids = this.#publisher.ids.slice(Math.max(0, from));
      assertWhole(heard, { ids, unsure: this.#publisher.unsure });
      assertEquals(told, resets, `resets of ${name}`);
      assertEquals(new Set(own.map(([id]) => id)).size, own.length, name);
      if (resets > 0) continue;
      const numbers = heard.map(([, data]) => data);
      assertEquals(new Set(numbers).size, numbers.length, `${name}: twice`);
      const sent = this.#sent.filter(({ to }) => to.name === name);
      const certain = () =>
        own.filter(([, data]) => !this.#doubtful.has(data)).map(([id]) => id);
      await until(
        () => certain().length >= sent.length,
        () => [name, own.length, sent.length],
      );
      assertEquals(certain(), sent.map(({ id }) => id), name);
    }
    assert(this.#publisher.ids.length > 0, "nothing was published");
    const compared = resets > 0 || this.#sent.length > 0;
    assert(compared, "nothing was sent to one client alone");
  }

  /** Sends to one client after the other, whatever happens. */
  async #send(): Promise<void> {
    for (let data = 1; !this.#stopped; data++) {
      const to = this.listeners[data % this.listeners.length]!;
      const key = crypto.randomUUID();
      // One whose node was killed a moment ago is nobody's until it notices.
      let denied: number | undefined;
      while (!this.#stopped) {
        const { id, state } = to.client;
        if (id === undefined || state !== "open") break;
        const answer = await fetch(`${this.#url}/own?to=${id}`, {
          method: "POST",
          headers: { "idempotency-key": key },
          body: `${data}`,
        }).then((response) => response.json()).catch(() => ({}));
        if (answer.id) {
          this.#doubtful.delete(`${data}`);
          this.#sent.push({ to, id: answer.id, data });
          break;
        }
        this.#doubtful.add(`${data}`);
        const same = to.client.id === id && to.client.state === "open";
        if (same && answer.code === "not_found") denied ??= Date.now();
        else denied = undefined;
        const long = denied !== undefined && Date.now() - denied > LOST;
        assert(!long, `${to.name} is there, and nobody knows it`);
        await pause();
      }
      await pause(10);
    }
  }

  /** Ends it all. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#publisher.stop();
    await this.#sending.catch(() => {});
    for (const { client } of this.listeners) client.close();
    await this.balancer[Symbol.asyncDispose]();
    const { servers, wires, service } = this;
    for (const each of [...servers, ...wires, service, ...this.#former]) {
      await each[Symbol.asyncDispose]();
    }
  }
}
