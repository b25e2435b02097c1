/**
 * What publishing costs: one message into a log, and one turn of the event loop
 * that hands it to parked responses.
 * @module
 */
import { createEngine } from "../../src/engine.ts";
import { sse } from "../../src/frame.ts";
import { stream } from "../../src/transport/stream.ts";

/** An engine with so many parked responses, each read as fast as it comes. */
async function engineWith(connections: number) {
  const engine = createEngine();
  const channels = ["bench"];
  for (let i = 0; i < connections; i++) {
    const options = { channels, key: undefined, since: undefined };
    const response = await engine.connect(
      { ...options, watch: false, identity: undefined },
      (connection) => stream(engine, connection, sse),
    );
    const reader = response.body!.getReader();
    void (async () => {
      while (!(await reader.read()).done);
    })();
  }
  return engine;
}

function turn(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve));
}

const alone = await engineWith(0);
Deno.bench(
  "append: a message that nobody follows",
  { group: "append" },
  async () => {
    await alone.publish("bench", "x".repeat(100));
  },
);

for (const connections of [100, 1_000]) {
  const engine = await engineWith(connections);
  const group = `flush to ${connections}`;
  Deno.bench(`flush: an empty turn, ${connections} parked`, {
    group,
    baseline: true,
  }, turn);
  for (const messages of [1, 20]) {
    Deno.bench(`flush: ${messages} to ${connections}`, { group }, async () => {
      for (let i = 0; i < messages; i++) {
        await engine.publish("bench", "x".repeat(100));
      }
      await turn();
    });
  }
}
