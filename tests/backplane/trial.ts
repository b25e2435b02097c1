/**
 * Two nodes over one backplane, a publisher that goes on whatever happens, and
 * clients whose logs are compared with the publisher's at the end.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Backplane } from "../../src/backplane.ts";
import { createEngine, type Engine } from "../../src/engine.ts";
import { PushError } from "../../src/errors.ts";
import { Chunk } from "../../src/frame.ts";
import { assertWhole, type Heard, isCurrent, until } from "../outside.ts";
import { Recorder } from "../recorder.ts";

/** What a client was given: messages, and resets. */
function heardBy({ written }: Recorder): Heard[] {
  return written.flatMap((piece): Heard[] => {
    if (piece instanceof Chunk) {
      return piece.frames.map(({ id, data }) => [id, Number(data)] as const);
    }
    return piece.data.type === "reset" ? ["reset"] : [];
  });
}

/** A publisher, two nodes and their clients. */
export class Trial implements AsyncDisposable {
  /** The ids it was given, in the order of its messages. */
  readonly ids: string[] = [];
  /** Numbers whose publish failed at least once: they may have two ids. */
  readonly unsure = new Set<number>();
  readonly engines: Engine[];
  readonly #clients: Recorder[] = [];
  #published: Promise<void> | undefined;
  #stopped = false;
  #refused = 0;

  private constructor(engines: Engine[]) {
    this.engines = engines;
  }

  /** Begins, with two clients at each node. */
  static async start(...backplanes: Backplane[]): Promise<Trial> {
    const engines = backplanes.map((backplane) => createEngine({ backplane }));
    const trial = new Trial(engines);
    for (const engine of [...engines, ...engines]) {
      await until(() => engine.node.epoch !== "", "the order is known");
      const channels = [trial.#clients.length < engines.length ? "a" : "*"];
      await engine.connect({ channels }, (connection) => {
        trial.#clients.push(new Recorder(connection));
      });
    }
    trial.#published = trial.#publish();
    return trial;
  }

  /** Waits until so many more have been published. */
  async more(count: number): Promise<void> {
    const goal = this.ids.length + count;
    await until(() => this.ids.length >= goal, "more is published");
  }

  /** Waits until somebody's publish is refused. */
  async refused(): Promise<void> {
    const before = this.#refused;
    await until(() => this.#refused > before, "a publish is refused");
  }

  /** Stops publishing, and waits until everybody has heard all of it. */
  async rest(): Promise<void> {
    this.#stopped = true;
    await this.#published;
    for (const client of this.#clients) {
      await until(
        () => isCurrent(heardBy(client), this.ids),
        () => [this.ids.slice(-5), heardBy(client).slice(-5)],
      );
    }
  }

  /** How many resets the clients have heard, all together. */
  get resets(): number {
    const all = this.#clients.flatMap(heardBy);
    return all.filter((heard) => heard === "reset").length;
  }

  /**
   * Stops publishing and compares: nothing was lost in silence, came twice or in
   * another order; and each client heard `resets` of them.
   */
  async compare(resets: number): Promise<void> {
    await this.rest();
    for (const client of this.#clients) {
      const heard = heardBy(client);
      assertWhole(heard, this);
      assertEquals(heard.filter((each) => each === "reset").length, resets);
    }
    assert(this.ids.length > 0);
  }

  async #publish(): Promise<void> {
    for (let number = 1; !this.#stopped; number++) {
      const key = `k${number}`;
      for (let turn = number; !this.#stopped; turn++) {
        const engine = this.engines[turn % this.engines.length]!;
        try {
          this.ids.push(await engine.publish("a", number, { key }));
          break;
        } catch (error) {
          if (!(error instanceof PushError)) throw error;
          assertEquals(error.code, "unavailable", String(error.cause));
          this.unsure.add(number);
          this.#refused++;
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      }
    }
  }

  /** Ends it all. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#published;
    for (const engine of this.engines) await engine.close();
  }
}
