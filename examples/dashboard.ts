/**
 * A dashboard: whoever looks sees the same numbers, once a second, and the present ones
 * at once. `deno serve -A examples/dashboard.ts` or `bun examples/dashboard.ts`.
 */
import { loadavg, uptime } from "node:os";
import process from "node:process";
import { createEngine, createRouter } from "../mod.ts";

const engine = createEngine({
  // Of each number only the last is kept: newcomers get it with `since=earliest`.
  history: { frames: 1 },
  policy: { allow: (action) => action === "subscribe" || action === "history" },
});
const push = createRouter(engine);

const numbers: Record<string, () => number> = {
  "stats/load": () => loadavg()[0]!,
  "stats/memory": () => process.memoryUsage().rss / 1e6,
  "stats/uptime": () => uptime(),
  "stats/watchers": () => engine.connections.size,
};
const clock = setInterval(() => {
  for (const [name, read] of Object.entries(numbers)) {
    void engine.publish(name, Number(read().toFixed(2)));
  }
}, 1_000);
engine.signal.addEventListener("abort", () => clearInterval(clock));

const page = `<!doctype html>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Dashboard</title>
<style>body { font: 1.5rem system-ui; margin: 2rem } dd { font-weight: bold }</style>
<dl id="numbers"></dl>
<script type="module">
const cells = new Map();
const cell = (name) => {
  if (!cells.has(name)) {
    const [dt, dd] = ["dt", "dd"].map((tag) => document.createElement(tag));
    dt.textContent = name;
    document.getElementById("numbers").append(dt, dd);
    cells.set(name, dd);
  }
  return cells.get(name);
};
new EventSource("/stats/*?since=earliest").onmessage = (event) => {
  const { channel, data } = JSON.parse(event.data);
  cell(channel).textContent = data;
};
</script>`;

export default {
  port: Number(process.env.PORT ?? 8000),
  fetch(request: Request, env?: Record<string, unknown>) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/stats/")) return push.fetch(request, env);
    return new Response(page, { headers: { "content-type": "text/html" } });
  },
};
