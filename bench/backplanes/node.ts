/**
 * A node: an engine on one backplane, `node.ts KIND AT`, which does what it is told.
 * @module
 */
import process from "node:process";
import { createEngine } from "../../src/engine.ts";
import { sse } from "../../src/frame.ts";
import { stream } from "../../src/transport/stream.ts";
import { now, obey } from "../orders.ts";
import { kinds } from "./kinds.ts";

/** The length of a message, in bytes. */
const BYTES = 100;
/** A message begins with this. */
const MARK = "~";

const [, , name, at = ""] = process.argv;
const kind = kinds.find((kind) => kind.name === name)!;
const engine = createEngine({ backplane: await kind.open(at) });
await published(() => engine.publish("bench", "first"));

/** Deliveries so far, over all parked responses. */
let delivered = 0;
/** When the parked response that is last of all had each message, by its number. */
let heard: number[] = [];
let counts: number[] = [];
let parked = 0;

/** Parks a response that is read as fast as it comes. */
async function park(): Promise<void> {
  const options = { channels: ["bench"], key: undefined, since: undefined };
  const response = await engine.connect(
    { ...options, watch: false, identity: undefined },
    (connection) => stream(engine, connection, sse),
  );
  parked++;
  const reader = response.body!.getReader();
  void (async () => {
    const decoder = new TextDecoder();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const chunk = decoder.decode(value as Uint8Array, { stream: true });
      // A chunk has whole frames: nothing is split between two of them.
      for (const [, number] of chunk.matchAll(/"~([0-9]{7})/g)) {
        const n = Number(number);
        delivered++;
        counts[n] = (counts[n] ?? 0) + 1;
        if (counts[n] === parked) heard[n] = now();
      }
    }
  })();
}

function text(n: number): string {
  return (MARK + String(n).padStart(7, "0")).padEnd(BYTES, "x");
}

/** Does it again until the backplane is reached. */
async function published(publish: () => unknown): Promise<void> {
  for (let tries = 0;; tries++) {
    try {
      return void await publish();
    } catch (error) {
      if (tries === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

await obey({
  ready: () => true,
  /** Parks so many responses in all. */
  async park(number: number) {
    while (parked < number) await park();
  },
  forget() {
    [delivered, heard, counts] = [0, [], []];
  },
  /** Publishes so many, `together` at a time, and says when and for how long. */
  async publish({ number, together }: { number: number; together: number }) {
    const sent: number[] = [];
    const took: number[] = [];
    const began = now();
    for (let n = 0; n < number;) {
      const under: Promise<void>[] = [];
      for (let i = 0; i < together && n < number; i++, n++) {
        const [own, at] = [n, now()];
        sent[own] = at;
        under.push((async () => {
          await engine.publish("bench", text(own));
          took[own] = now() - at;
        })());
      }
      await Promise.all(under);
      // A turn of the loop: what is parked gets its chunk.
      await new Promise((resolve) => setTimeout(resolve));
    }
    return { sent, took, ms: now() - began };
  },
  heard: () => ({ delivered, heard }),
});
