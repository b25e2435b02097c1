/**
 * What is measured: Halley, and the raw baseline it is divided by.
 * @module
 */

/** Every message has one of these, and nothing else on the wire does. */
export const MARK = "~";

/** Where generators connect. */
export const PATH = "/push/bench";

/** What every message says: 100 bytes. */
export const DATA: string = MARK.padEnd(100, "x");

/** A server's handler, and how to publish from inside its process. */
export interface Subject {
  fetch(request: Request, env: unknown): Response | Promise<Response>;
  /** Publishes several messages within one turn of the event loop. */
  publish(messages: number): void;
  /** How many connections it knows. */
  size(): number;
}

const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
};

/**
 * The least a runtime can do: a stream without strategy, one shared array for
 * everyone, no library. Its messages are as long as Halley's.
 */
export function raw(): Subject {
  const encoder = new TextEncoder();
  const id = "0123456789-100";
  const open = encoder.encode(
    `event: control\nid: ${id}\ndata: ${"{}".padEnd(150)}\n\n`,
  );
  const json = JSON.stringify({
    type: "message",
    channel: "bench",
    id,
    data: DATA,
  });
  const message = encoder.encode(`id: ${id}\ndata: ${json}\n\n`);
  const parked = new Set<ReadableStreamDefaultController<Uint8Array>>();
  return {
    fetch() {
      let controller: ReadableStreamDefaultController<Uint8Array>;
      const body = new ReadableStream<Uint8Array>({
        start(own) {
          controller = own;
          parked.add(own);
          own.enqueue(open);
        },
        pull() {},
        cancel() {
          parked.delete(controller);
        },
      });
      return new Response(body, { headers: HEADERS });
    },
    publish(messages) {
      for (let i = 0; i < messages; i++) {
        for (const controller of parked) controller.enqueue(message);
      }
    },
    size: () => parked.size,
  };
}

/** Halley as `main.ts` mounts it, from the repository at `root`. */
export async function halley(root: string): Promise<Subject> {
  const { createEngine, createRouter } = await import(
    `${root}mod.ts`
  ) as typeof import("../mod.ts");
  const { App } = await import(
    `${root}src/deps.ts`
  ) as typeof import("../src/deps.ts");
  // Heartbeats would be deliveries; who has left shall be gone soon.
  const engine = createEngine({ heartbeat: 240_000, linger: 1_000 });
  const app = new App().route("/push", createRouter(engine));
  return {
    fetch: (request, env) => app.fetch(request, env as Record<string, unknown>),
    publish(messages) {
      for (let i = 0; i < messages; i++) void engine.publish("bench", DATA);
    },
    size: () => engine.connections.size,
  };
}
