/** Random schedules of a client whose answers are lost: what it hears is all, in order. */
import { assertEquals } from "@std/assert";
import fc from "npm:fast-check@^4.10.0";
import { test } from "../../harness.ts";
import { Peer, type Reply, settle, World } from "./peer.ts";

/** What happens, one after the other. */
type Step =
  /** The server publishes so many to a channel. */
  | ["publish", channel: number, count: number]
  /** The client publishes, and hears the answer. */
  | ["say", channel: number]
  /** A connect, of which the answer is lost or heard. */
  | ["connect", lost: boolean]
  /** A connect is held when something is published. */
  | ["hold", channel: number, lost: boolean]
  /** A connect is held, and its client goes. */
  | ["abort"];

const channel = fc.nat({ max: 2 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.tuple(fc.constant("publish" as const), channel, fc.nat({ max: 4 })),
  fc.tuple(fc.constant("say" as const), channel),
  fc.tuple(fc.constant("connect" as const), fc.boolean()),
  fc.tuple(fc.constant("hold" as const), channel, fc.boolean()),
  fc.constant<Step>(["abort"]),
);

/** How a client tells that the last answer was lost. */
type Kind = "cometd" | "faye" | "ack";

/** A client that follows every channel, by name and by patterns. */
class Listener {
  readonly heard: number[] = [];
  published = 0;
  readonly #world: World;
  readonly #kind: Kind;
  readonly #peer: Peer;
  #batch = 0;
  /** The connect whose answer was lost. */
  #unheard: Reply | undefined;

  constructor(world: World, kind: Kind) {
    this.#world = world;
    this.#kind = kind;
    this.#peer = new Peer(world);
  }

  async begin(): Promise<void> {
    await this.#peer.handshake({ ext: { ack: this.#kind === "ack" } });
    await this.#peer.subscribe(["/c/0", "/c/*", "/**"]);
    await this.#connect(false);
  }

  async do(step: Step): Promise<void> {
    switch (step[0]) {
      case "publish":
        for (let i = 0; i < step[2]; i++) await this.#publish(step[1]);
        return;
      case "say":
        this.#hear(await this.#peer.publish(`/c/${step[1]}`, ++this.published));
        return;
      case "connect":
        return await this.#connect(step[1]);
      case "hold":
        return await this.#connect(step[2], () => this.#publish(step[1]));
      case "abort": {
        const abort = new AbortController();
        const body = JSON.stringify(this.#message());
        const held = this.#peer.post(body, {}, "/", abort.signal);
        await settle();
        abort.abort();
        // It was answered before, and the answer is lost; or it had taken nothing.
        await held;
        return;
      }
    }
  }

  async #publish(channel: number): Promise<void> {
    await this.#world.engine.publish(`c/${channel}`, ++this.published);
  }

  #message(): Reply {
    const again = this.#unheard;
    if (again && this.#kind === "faye") return again;
    const lost = again !== undefined && this.#kind === "cometd";
    return this.#unheard = this.#peer.message("/meta/connect", {
      connectionType: "long-polling",
      ...(lost && { advice: { timeout: 0 } }),
      ...(this.#kind === "ack" && { ext: { ack: this.#batch } }),
    });
  }

  async #connect(lost: boolean, then = () => Promise.resolve()): Promise<void> {
    const answer = this.#peer.send(this.#message());
    await settle();
    await then();
    await this.#world.pass(30_000);
    const messages = await answer;
    if (lost) return;
    this.#unheard = undefined;
    this.#batch = messages.at(-1).ext?.ack;
    this.#hear(messages);
  }

  #hear(messages: Reply[]): void {
    for (const { channel, data, successful } of messages) {
      if (channel.startsWith("/meta/")) assertEquals(successful, true);
      else if (successful === undefined) this.heard.push(data);
    }
  }
}

for (const kind of ["cometd", "faye", "ack"] as const) {
  test(`a client whose answers are lost (${kind}) hears everything, in order`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        await using world = new World({ maxInterval: 1e9 }, {
          history: { age: 1e9 },
        });
        const client = new Listener(world, kind);
        await client.begin();
        for (const step of steps) await client.do(step);
        await client.do(["connect", false]);
        await client.do(["connect", false]);
        const all = Array.from({ length: client.published }, (_, i) => i + 1);
        // Once, but for what rode on an answer while a connect was lost.
        const heard = kind === "ack"
          ? client.heard
          : [...new Set(client.heard)];
        assertEquals(heard, all);
      }),
      { numRuns: 150 },
    );
  });
}
