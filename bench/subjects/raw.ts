/**
 * The baseline: the least a runtime can do. A stream without strategy, one shared
 * array for everyone, no library. Its messages are as long as Halley's, encoded
 * once each; it checks nothing, remembers nothing and resumes nobody.
 * @module
 */
import { RawPolls } from "./raw_poll.ts";
import { HEADERS, Members, read, type Served } from "./served.ts";

type Controller = ReadableStreamDefaultController<Uint8Array>;
type Wire = "sse" | "stream";

/** Makes it. */
export function raw({ heartbeat }: { heartbeat: number }): Served {
  const encoder = new TextEncoder();
  const members = {
    sse: new Members<Controller>(),
    stream: new Members<Controller>(),
  };
  const polls = new RawPolls();
  const ping = {
    sse: encoder.encode(`event: control\ndata: {"type":"heartbeat"}\n\n`),
    stream: encoder.encode(`{"type":"heartbeat"}\n`),
  };
  setInterval(() => {
    for (const wire of ["sse", "stream"] as const) {
      for (const one of members[wire].all()) one.enqueue(ping[wire]);
    }
  }, heartbeat);
  let number = 0;

  function subscribe(wire: Wire, channels: readonly string[]): Response {
    const id = `c${number++}`;
    const open = { type: "open", connection: id, key: "".padEnd(24, "k") };
    let text = `${
      JSON.stringify({ ...open, heartbeat, id: "0123456789-0" })
    }\n`;
    if (wire === "sse") text = `event: control\nretry: 2000\ndata: ${text}\n`;
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        members[wire].add(id, controller, channels);
        controller.enqueue(encoder.encode(text));
      },
      pull() {},
      cancel() {
        members[wire].delete(id, channels);
      },
    });
    return new Response(body, { headers: HEADERS });
  }

  async function publish(
    request: Request,
    channel: string,
    to: string | undefined,
  ): Promise<Response> {
    const id = `0123456789-${++number}`;
    const data = await request.text();
    const json = JSON.stringify({ type: "message", channel, id, data });
    const wires = {
      sse: `id: ${id}\ndata: ${json}\n\n`,
      stream: `${json}\n`,
    };
    for (const wire of ["sse", "stream"] as const) {
      if (members[wire].size === 0) continue;
      const bytes = encoder.encode(wires[wire]);
      for (const one of members[wire].of(channel, to)) one.enqueue(bytes);
    }
    if (polls.used) polls.publish(channel, to, json);
    return new Response(`{"id":"${id}"}`);
  }

  return {
    fetch(request) {
      const asked = read(request);
      if (asked.kind === "health") return new Response("ok");
      if (asked.kind === "publish") {
        return publish(request, asked.channel, asked.to);
      }
      const accept = request.headers.get("accept");
      if (accept === "application/json") return polls.subscribe(request, asked);
      const wire = accept === "application/x-ndjson" ? "stream" : "sse";
      return subscribe(wire, asked.channels);
    },
    size: () => members.sse.size + members.stream.size + polls.size,
  };
}
