/**
 * The clients of a soak: each does one thing after the other, drawn by lot, under
 * names that come once. `crowd.ts PORT`.
 * @module
 */
import { connect } from "node:net";
import process from "node:process";
import { obey, sleep } from "./process.ts";

const port = Number(process.argv[2]);
const url = `http://127.0.0.1:${port}`;
let running = false;
let clients: Promise<void>[] = [];
let names = 0;
let done: Record<string, number> = {};

/** A whole number below `most`. */
function below(most: number): number {
  return Math.floor(Math.random() * most);
}

/** Asks, as a proxy for an address that comes once. */
function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  const address = Array.from({ length: 3 }, () => below(256)).join(".");
  headers.set("x-forwarded-for", `10.${address}`);
  return fetch(`${url}/${path}`, { ...init, headers });
}

/** What a reader has had, to come back with. */
interface Place {
  id?: string | undefined;
  key?: string | undefined;
}

/** Reads a stream for a while, then goes without a word. */
async function read(query: string, place: Place): Promise<void> {
  const abort = new AbortController();
  const since = place.id ? `&since=${place.id}` : "";
  const key = place.key && below(2) === 0 ? `&key=${place.key}` : "";
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  const timer = setTimeout(() => {
    abort.abort();
    // Deno forgets the signal now and then, once the answer has begun.
    reader?.cancel().catch(() => {});
  }, below(1_500));
  try {
    const { signal } = abort;
    const response = await ask(`${query}${since}${key}`, { signal });
    reader = response.body!.getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      const text = new TextDecoder().decode(value);
      place.id = text.match(/"id":"([^"]+)"/g)?.at(-1)?.slice(6, -1) ??
        place.id;
      place.key = /"key":"([^"]+)"/.exec(text)?.[1] ?? place.key;
    }
  } catch { /* It has gone. */ }
  clearTimeout(timer);
}

async function post(path: string, body: string, key?: string): Promise<void> {
  const headers = key ? { "idempotency-key": key } : undefined;
  const init = { method: "POST", body, ...(headers && { headers }) };
  await (await ask(path, init)).text();
}

/** Sends a message of Bayeux; the first reply. */
async function bayeux(
  message: Record<string, unknown>,
): Promise<Record<string, unknown>> {
  const body = JSON.stringify(message);
  const answer = await ask("cometd", { method: "POST", body });
  return (await answer.json())[0];
}

/** What clients do, each with a name that is new. */
const deeds: Record<string, (name: string) => Promise<void>> = {
  async sse(name) {
    const place: Place = {};
    for (let i = 0; i <= below(3); i++) {
      await read(`all/news?channel=${name}&transport=sse`, place);
      await post(name, "while you were out");
    }
  },
  async stream(name) {
    const place: Place = {};
    const query = `all/*?channel=${name}&channel=${name}/**&transport=stream`;
    for (let i = 0; i <= below(3); i++) {
      await read(query, place);
      await post(`${name}/a/b`, "x".repeat(below(5_000)));
    }
    if (place.key) await post(`$leave?key=${place.key}`, "");
  },
  presence: (name) => read(`${name}?presence=1&transport=stream`, {}),
  async poll(name) {
    let place = "";
    for (let i = 0; i <= below(4); i++) {
      const query = `${name}?channel=all/news&transport=poll&wait=500${place}`;
      const answer = await (await ask(query)).json();
      place = answer.id ? `&since=${answer.id}&key=${answer.key}` : "";
    }
  },
  async publish(name) {
    await post(name, "hello", name);
    await post(name, "hello", name);
    await post(`${name}?to=*`, "to all");
  },
  async refused(name) {
    await (await ask(`${name}*`)).text();
    await (await ask(`${name}?transport=poll&key=no`)).text();
    await post(name, "x".repeat(300_000));
    await (await ask(`${name}?since=${name}-1&transport=poll`)).text();
    await bayeux({ channel: "/meta/connect", clientId: name });
    await (await ask(`conn?cmd=revival&cid=${name}`)).text();
  },
  async bayeux(name) {
    const { clientId } = await bayeux({
      channel: "/meta/handshake",
      version: "1.0",
      supportedConnectionTypes: ["long-polling"],
    });
    const subscription = [`/${name}`, `/${name}/**`, "/all/news"];
    await bayeux({ channel: "/meta/subscribe", clientId, subscription });
    for (let id = 0; id <= below(4); id++) {
      const data = "x".repeat(below(5_000));
      await bayeux({ channel: `/${name}/a`, clientId, id, data });
      const connectionType = "long-polling";
      await bayeux({ channel: "/meta/connect", clientId, id, connectionType });
    }
    if (below(2)) await bayeux({ channel: "/meta/disconnect", clientId });
  },
  async comet4j() {
    const headers = { "user-agent": below(2) ? "Firefox" : "none" };
    const frame = await (await ask("conn?cmd=conn", { headers })).text();
    const { data } = JSON.parse(decodeURIComponent(frame.slice(1, -1)));
    for (let i = 0; i <= below(4); i++) {
      await read(`conn?cmd=revival&cid=${data.cId}`, {});
    }
    if (below(2)) await (await ask(`conn?cmd=drop&cid=${data.cId}`)).text();
  },
  /** Asks, reads nothing, and goes when it is given up or has had enough. */
  async stalled(name) {
    const socket = connect({ host: "127.0.0.1", port });
    socket.on("error", () => {});
    socket.pause();
    socket.write(`GET /${name} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`);
    for (let i = 0; i < 30; i++) await post(name, "x".repeat(200_000));
    await sleep(below(4_000));
    socket.destroy();
  },
};

/** How often each is drawn. */
const lots = Object.entries({
  sse: 30,
  stream: 30,
  presence: 10,
  poll: 20,
  bayeux: 20,
  comet4j: 10,
  publish: 20,
  refused: 10,
  stalled: 0.1,
}).flatMap(([deed, weight]) => Array(Math.ceil(weight * 10)).fill(deed));

async function live(): Promise<void> {
  while (running) {
    const deed: string = lots[below(lots.length)];
    try {
      await deeds[deed]!(`n${names++}`);
      done[deed] = (done[deed] ?? 0) + 1;
    } catch {
      done.failed = (done.failed ?? 0) + 1;
      await sleep(10);
    }
  }
}

await obey({
  /** So many begin. */
  churn(number) {
    running = true;
    done = {};
    clients = Array.from({ length: number }, live);
  },
  /** All finish what they do; what they have done. */
  async stop() {
    running = false;
    await Promise.all(clients);
    return done;
  },
});
