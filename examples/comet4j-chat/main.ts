/**
 * The chat that Comet4J was shown with, for its pages as they are: people come, go,
 * talk and change their names, and every 5 s everybody sees how the server is.
 *
 * `deno serve -A --host=127.0.0.1 examples/comet4j-chat/main.ts`, or
 * `bun examples/comet4j-chat/main.ts`, then http://127.0.0.1:8000/.
 *
 * WHOEVER REACHES IT MAY WRITE, under any name, as there.
 * @module
 */
import { readFileSync } from "node:fs";
import process from "node:process";
import { Hono } from "npm:hono@^4.13.0";
import { comet4j, createEngine } from "../../mod.ts";

const CHANNEL = "talker";
const startup = new Date().toLocaleString();

/** The nickname in a page's cookie, if it has chosen one. */
function nickname(request: Request): string | undefined {
  const cookie = request.headers.get("cookie") ?? "";
  const [, name] = /(?:^|; )userName=([^;]{1,200})/.exec(cookie) ?? [];
  try {
    return name && decodeURIComponent(name);
  } catch {
    return undefined;
  }
}

// What was `conn.getRequest()` in a listener comes from the policy: whoever asks is a
// guest, and has the name of the moment it connected.
const engine = createEngine({
  policy: {
    identify: (request) => ({ subject: "guest", claims: nickname(request) }),
  },
});
const names = new Map<string, string>();

function tell(type: string, message: Record<string, unknown>): Promise<string> {
  const transtime = new Date().toLocaleTimeString();
  return engine.publish(CHANNEL, { type, transtime, ...message });
}

// ConnectListener and DropListener of the original.
engine.on("connect", ({ id, identity }) => {
  const name = `${identity?.claims ?? id}`;
  names.set(id, name);
  void tell("up", { id, name });
});
engine.on("drop", ({ id }) => {
  const name = names.get(id);
  // Nobody is told while the server itself goes.
  if (names.delete(id) && !engine.signal.aborted) {
    void tell("down", { id, name });
  }
});

// HealthSender of the original.
const MB = 1_048_576;
const health = setInterval(() => {
  const { rss, heapTotal, heapUsed } = process.memoryUsage();
  void tell("health", {
    maxMemory: Math.round(rss / MB),
    totalMemory: Math.round(heapTotal / MB),
    usedMemory: Math.round(heapUsed / MB),
    freeMemory: Math.round((heapTotal - heapUsed) / MB),
    connectorCount: engine.connections.size,
    startup,
  });
}, 5_000);
engine.signal.addEventListener("abort", () => clearInterval(health));

const files: Record<string, string> = {
  "/": "index.html",
  "/engine.js": "engine.js",
};
const app = new Hono().route(
  "/conn",
  comet4j({ channels: [CHANNEL] }).router(engine),
);
for (const [path, file] of Object.entries(files)) {
  const text = readFileSync(new URL(file, import.meta.url), "utf8");
  const type = file.endsWith(".js") ? "text/javascript" : "text/html";
  app.get(
    path,
    (c) => c.body(text, 200, { "content-type": `${type};charset=UTF-8` }),
  );
}

// TalkServlet of the original. As there, it believes who one says to be.
app.post("/talk.do", async (c) => {
  const { id, text, newName } = await c.req.parseBody();
  const name = names.get(`${id}`);
  if (name === undefined) return c.text("Nobody has this id.", 404);
  switch (c.req.query("cmd")) {
    case "talk":
      await tell("talk", { id, name, text: `${text}`.slice(0, 2_000) });
      return c.body(null, 204);
    case "rename":
      names.set(`${id}`, `${newName}`.slice(0, 50));
      await tell("rename", { id, oldName: name, newName: names.get(`${id}`) });
      return c.body(null, 204);
  }
  return c.text("cmd must be talk or rename.", 400);
});

export default {
  port: Number(process.env.PORT ?? 8000),
  hostname: "127.0.0.1",
  fetch: app.fetch,
};
