/**
 * A thread with engines of its own, which does what it is told: `engine` makes one,
 * `close` closes them all, and everything is answered with what they complained of.
 * @module
 */
import { createEngine, type Engine } from "../src/engine.ts";

/** The worker's end, typed as far as it is used. */
const self = globalThis as unknown as {
  onmessage(event: { data: string }): void;
  postMessage(message: { did: string; errors: string[] }): void;
};

const engines: Engine[] = [];
const errors: string[] = [];

self.onmessage = async ({ data }) => {
  if (data === "engine") {
    const engine = createEngine();
    engine.on("error", (error) => {
      errors.push((error as Error).message);
      self.postMessage({ did: "error", errors });
    });
    engines.push(engine);
  }
  if (data === "close") await Promise.all(engines.map((each) => each.close()));
  self.postMessage({ did: data, errors });
};
