/**
 * A deployment in one process, as its argument says; it prints what its engines
 * complained of as a line of JSON. A process of its own, because engines of other
 * tests would be neighbours too.
 * @module
 */
import process from "node:process";
import { setImmediate } from "../src/deps.ts";
import { createEngine } from "../src/engine.ts";
import { HandBackplane } from "./hand_backplane.ts";

const NAME = "halley.memory";

/** A thread with engines. */
class Thread {
  readonly #worker = new Worker(
    new URL("neighbour_worker.ts", import.meta.url),
    { type: "module" },
  );
  #errors: string[] = [];
  #did: string[] = [];
  #look = () => {};

  constructor() {
    this.#worker.onmessage = ({ data }) => {
      this.#errors = data.errors;
      this.#did.push(data.did);
      this.#look();
    };
  }

  /** Tells it what to do; waits until it has been done. */
  async does(what: string): Promise<string[]> {
    this.#did = [];
    this.#worker.postMessage(what);
    return await this.until(() => this.#did.includes(what));
  }

  /** What it complained of, once it has. */
  complains(): Promise<string[]> {
    return this.until(() => this.#errors.length > 0);
  }

  async until(found: () => boolean): Promise<string[]> {
    while (!found()) await new Promise<void>((look) => this.#look = look);
    return this.#errors;
  }
}

/** Resolves with the next hello. */
function hello(on: BroadcastChannel): Promise<unknown> {
  return new Promise((resolve) =>
    on.onmessage = ({ data }: MessageEvent) => resolve(data)
  );
}

const scenes: Record<string, () => Promise<unknown>> = {
  async twoThreads() {
    const threads = [new Thread(), new Thread()];
    for (const thread of threads) await thread.does("engine");
    for (const thread of threads) await thread.complains();
    // Once each: they have been told, and stop listening.
    return await Promise.all(threads.map((thread) => thread.does("count")));
  },

  async closed() {
    const [closed, ...others] = [new Thread(), new Thread(), new Thread()];
    await closed!.does("engine");
    await closed!.does("close");
    for (const thread of others) await thread.does("engine");
    for (const thread of others) await thread.complains();
    return await Promise.all(
      [closed!, ...others].map((thread) => thread.does("count")),
    );
  },

  async oneThread() {
    const ear = new BroadcastChannel(NAME);
    const errors: unknown[] = [];
    let heard = hello(ear);
    const ids: unknown[] = [];
    for (let n = 0; n < 2; n++) {
      createEngine().on("error", (error) => errors.push(error));
      ids.push(await heard);
      heard = hello(ear);
    }
    // What both have been told by now comes before this.
    const last = new BroadcastChannel(NAME);
    const told = hello(last);
    ear.postMessage(ids[0]);
    await told;
    return [errors, ids[0] === ids[1]];
  },

  async shared() {
    const ear = new BroadcastChannel(NAME);
    const heard = hello(ear);
    createEngine({ backplane: new HandBackplane({ local: false }) });
    new BroadcastChannel(NAME).postMessage("the first to be heard");
    return await heard;
  },

  async deployed() {
    const engine = createEngine();
    const errors: unknown[] = [];
    engine.on("error", (error) => errors.push((error as Error).message));
    await new Promise<void>((resolve) => void setImmediate(resolve));
    return errors;
  },
};

console.log(JSON.stringify(await scenes[process.argv[2]!]!()));
process.exit();
