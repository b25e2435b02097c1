/**
 * Hono's `streamSSE`, as its documentation has it: a stream per client, kept in a
 * set, and a `writeSSE` to each of them per message.
 * @module
 */
import { Hono } from "npm:hono@^4.13.0";
import { type SSEStreamingApi, streamSSE } from "npm:hono@^4.13.0/streaming";
import { Members, type Served } from "./served.ts";

/** Makes it. */
export function hono({ heartbeat }: { heartbeat: number }): Served {
  const members = new Members<SSEStreamingApi>();
  let number = 0;
  setInterval(() => {
    for (const stream of members.all()) {
      void stream.writeSSE({ event: "ping", data: "" });
    }
  }, heartbeat);
  const app = new Hono()
    .get("/healthz", (c) => c.text("ok"))
    .get("/push", (c) => {
      const channels = c.req.queries("channel") ?? [];
      return streamSSE(c, async (stream) => {
        const id = `c${number++}`;
        const gone = new Promise<void>((resolve) => stream.onAbort(resolve));
        members.add(id, stream, channels);
        const data = JSON.stringify({ type: "open", connection: id });
        await stream.writeSSE({ event: "open", data });
        await gone;
        members.delete(id, channels);
      });
    })
    .post("/push/:channel", async (c) => {
      const channel = c.req.param("channel");
      const id = String(++number);
      const text = await c.req.text();
      const data = JSON.stringify({ type: "message", channel, id, data: text });
      for (const stream of members.of(channel, c.req.query("to"))) {
        void stream.writeSSE({ id, data });
      }
      return c.json({ id });
    });
  return {
    fetch: (request, env) => app.fetch(request, env as Record<string, unknown>),
    size: () => members.size,
  };
}
