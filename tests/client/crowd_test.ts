/** Tabs that would share, but have no Web Locks: plain http. */
import { assert, assertEquals } from "@std/assert";
import { test } from "../harness.ts";
import { Tab, withoutLocks } from "./tabs.ts";
import { until, World } from "./world.ts";

/** The numbers from 1. */
function upTo(last: number): number[] {
  return Array.from({ length: last }, (_, n) => n + 1);
}

test("without Web Locks a client says so, and is on its own", async () => {
  const restore = withoutLocks();
  try {
    await using world = await World.start();
    const tabs = [new Tab(world, "a"), new Tab(world, "a")];
    await until(() => tabs.every(({ client }) => client.state === "open"));
    assert(tabs.every(({ client }) => client.sharing === "unavailable"));
    assertEquals(world.engine.connections.size, 2);
  } finally {
    restore();
  }
});

/** A `fetch` with so many sockets; whoever finds none waits, as in a browser (HTTP/1.1). */
function sockets(free: number): typeof fetch {
  const waiting = new Set<() => void>();
  const release = () => {
    free++;
    const [next] = waiting;
    next?.();
  };
  const take = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      const go = () => {
        waiting.delete(go);
        free--;
        resolve();
      };
      if (free > 0) return go();
      waiting.add(go);
      signal.addEventListener("abort", () => {
        if (waiting.delete(go)) reject(signal.reason);
      });
    });
  return async (input, init) => {
    const signal = init!.signal!;
    await take(signal);
    const once = new AbortController();
    once.signal.addEventListener("abort", release);
    signal.addEventListener("abort", () => once.abort());
    if (signal.aborted) once.abort();
    try {
      const response = await fetch(input, init);
      const body = response.body?.pipeThrough(
        new TransformStream({ flush: () => once.abort() }),
      );
      return new Response(body ?? null, response);
    } catch (error) {
      once.abort();
      throw error;
    }
  };
}

test("without Web Locks ten tabs on six sockets all receive: with short polls", async () => {
  const restore = withoutLocks();
  try {
    await using world = await World.start();
    const options = { fetch: sockets(6) };
    const tabs = Array.from(
      { length: 10 },
      () => new Tab(world, "a", options),
    );
    await until(() =>
      tabs.every(({ client }) =>
        client.state === "open" && client.transport === "poll"
      )
    );
    for (const n of upTo(3)) await world.engine.publish("a", n);
    await until(() => tabs.every(({ got }) => got.length === 3));
    for (const { got } of tabs) assertEquals(got, upTo(3));
  } finally {
    restore();
  }
});
