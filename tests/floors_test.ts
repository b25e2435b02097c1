/** How the house is built: who may import whom, and how large a file may be. */
import { assert, assertEquals } from "@std/assert";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "./harness.ts";

/** A file imports only from floors below its own, types included. */
const floors = [
  [
    "backplane/kv_shape.ts",
    "client/page.ts",
    "client/place.ts",
    "deps.ts",
    "errors.ts",
    "neighbour.ts",
    "operate/logger.ts",
    "page/html.ts",
    "position.ts",
    "protocol/affinity.ts",
    "protocol/bayeux/message.ts",
    "round.ts",
    "runtime.ts",
    "silence.ts",
  ],
  [
    "auth/address.ts",
    "backplane/jetstream_api.ts",
    "backplane/kv_bound.ts",
    "backplane/kv_writes.ts",
    "backplane/redis_connection.ts",
    "backplane/redis_script.ts",
    "backplane/retry.ts",
    "client/error.ts",
    "client/frame.ts",
    "cluster/questions.ts",
    "cluster/said.ts",
    "cluster/watchers.ts",
    "key.ts",
    "message.ts",
    "name.ts",
    "operate/counts.ts",
    "page/serve.ts",
    "protocol/bayeux/ext.ts",
    "protocol/bayeux/repeats.ts",
    "schema.ts",
    "sink.ts",
  ],
  [
    "backplane/redis_link.ts",
    "backplane/sqlite_file.ts",
    "client/messages.ts",
    "client/parse.ts",
    "client/subscriptions.ts",
    "client/time.ts",
    "cluster/members.ts",
    "cluster/report.ts",
    "frame.ts",
    "http.ts",
    "protocol/bayeux/names.ts",
    "wire.ts",
  ],
  [
    "backplane.ts",
    "client/transports.ts",
    "cluster/learn.ts",
    "cluster/orders.ts",
    "cluster/recall.ts",
    "log.ts",
    "protocol/bayeux/format.ts",
    "protocol/bayeux/framing.ts",
    "protocol/comet4j/wire.ts",
  ],
  [
    "backplane/commits.ts",
    "backplane/fan.ts",
    "backplane/jetstream_message.ts",
    "backplane/kv_layout.ts",
    "backplane/reader.ts",
    "backplane/redis_order.ts",
    "client/options.ts",
    "feed.ts",
    "flush.ts",
    "logs.ts",
    "policy.ts",
    "protocol/comet4j/options.ts",
    "resume.ts",
  ],
  [
    "auth/barred.ts",
    "backplane/jetstream_config.ts",
    "backplane/redis_feed.ts",
    "client/http.ts",
    "connection.ts",
    "options.ts",
  ],
  [
    "alarm.ts",
    "auth/jwk.ts",
    "auth/meter.ts",
    "backplane/jetstream_maker.ts",
    "backplane/keep.ts",
    "client/loop.ts",
    "client/publish.ts",
    "drain.ts",
    "events.ts",
    "operate/health.ts",
    "protocol/bayeux/options.ts",
    "protocol/bayeux/session.ts",
    "recovery.ts",
  ],
  [
    "auth/token.ts",
    "backplane/jetstream_stream.ts",
    "backplane/kv_append.ts",
    "backplane/redis.ts",
    "backplane/sqlite_bounds.ts",
    "channel.ts",
    "client/tab.ts",
    "node.ts",
    "operate/logging.ts",
    "protocol/bayeux/advice.ts",
    "protocol/bayeux/delivery.ts",
  ],
  [
    "auth/ticket.ts",
    "backplane/jetstream_feed.ts",
    "backplane/kv_store.ts",
    "backplane/sqlite_store.ts",
    "client/share.ts",
    "cluster/speaker.ts",
    "drops.ts",
    "past.ts",
    "presence.ts",
    "publisher.ts",
    "respond.ts",
    "room.ts",
  ],
  ["arrival.ts", "cluster/announcer.ts", "history.ts"],
  [
    "auth/jwt.ts",
    "backplane/jetstream.ts",
    "backplane/deno_kv.ts",
    "backplane/sqlite.ts",
    "client/link.ts",
    "cluster/roster.ts",
    "sweep.ts",
  ],
  ["client/client.ts", "engine.ts"],
  [
    "../client.ts",
    "call.ts",
    "operate/metrics.ts",
    "operate/probes.ts",
    "protocol.ts",
    "protocol/bayeux/sessions.ts",
    "protocol/comet4j/session.ts",
    "transport/poll.ts",
    "transport/stream.ts",
  ],
  [
    "operate/prometheus.ts",
    "operate/telemetry.ts",
    "page/app.ts",
    "protocol/bayeux/exchange.ts",
    "protocol/comet4j/lpool.ts",
    "protocol/comet4j/stream.ts",
    "publish.ts",
    "subscribe.ts",
  ],
  [
    "protocol/bayeux/calls.ts",
    "protocol/bayeux/handshake.ts",
    "protocol/bayeux/held.ts",
    "protocol/bayeux/subscribe.ts",
    "protocol/comet4j/commands.ts",
    "router.ts",
  ],
  [
    "config.ts",
    "protocol/bayeux/connect.ts",
    "protocol/bayeux/publish.ts",
    "protocol/comet4j.ts",
  ],
  ["protocol/bayeux/dispatch.ts", "storage.ts"],
  ["protocol/bayeux.ts"],
  ["main.ts"],
  ["start.ts"],
];

const root = new URL("../", import.meta.url);
const floorOf = new Map<string, number>(
  floors.flatMap((files, floor) =>
    files.map((file) => [`src/${file}`.replace("src/../", ""), floor] as const)
  ),
);

function read(path: string): string {
  return readFileSync(new URL(path, root), "utf8");
}

/** Every file of `src`, as `src/…`. */
function sources(folder = "src"): string[] {
  const entries = readdirSync(new URL(folder, root), { withFileTypes: true });
  return entries.flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return sources(path);
    return path.endsWith(".ts") ? [path] : [];
  }).sort();
}

/** What a file imports or re-exports; examples in comments do not count. */
function specifiers(path: string): string[] {
  const code = read(path).replace(/\/\*[^]*?\*\//g, "")
    .replace(/^\s*\/\/.*$/gm, "");
  const named = code.matchAll(
    /(?:^|[^.\w])(?:from|import)\s*\(?\s*(["'])(.+?)\1/g,
  );
  return [...named].map((match) => match[2]!);
}

/** The files of this repository that a file imports. */
function imports(path: string): string[] {
  return specifiers(path).filter((specifier) => specifier.startsWith("."))
    .map((specifier) => new URL(specifier, new URL(path, root)).href)
    .map((href) => href.slice(root.href.length));
}

test("imports are found: values, types, re-exports, over several lines", () => {
  assertEquals(imports("src/start.ts"), ["src/main.ts"]);
  assert(imports("src/policy.ts").includes("src/backplane.ts"));
  assert(imports("src/subscribe.ts").includes("src/transport/poll.ts"));
  assert(imports("mod.ts").includes("src/backplane.ts"));
  assert(specifiers("src/deps.ts").includes("node:crypto"));
});

test("every file of src has its floor, and every floor its files", () => {
  assertEquals([...floorOf.keys()].sort(), ["client.ts", ...sources()]);
});

test("a file imports only from floors below its own", () => {
  for (const path of sources()) {
    const floor = floorOf.get(path) ?? Infinity;
    for (const target of imports(path)) {
      assert(existsSync(new URL(target, root)), `${path} imports ${target}`);
      const below = floorOf.get(target) ?? Infinity;
      assert(below < floor, `${path} (${floor}) imports ${target} (${below})`);
    }
  }
});

test("client.ts reaches nothing of the server but its table of errors", () => {
  const reached = new Set(["client.ts"]);
  for (const path of reached) {
    for (const target of imports(path)) reached.add(target);
    const foreign = specifiers(path).filter((name) => !name.startsWith("."));
    assertEquals(foreign, [], `${path} imports nothing third-party`);
  }
  for (const path of reached) {
    const own = path === "client.ts" || path.startsWith("src/client/");
    assert(own || path === "src/errors.ts", `client.ts reaches ${path}`);
  }
});

test("only src/deps.ts names third-party code and the runtime's own modules", () => {
  for (const path of [...sources(), "mod.ts"]) {
    // The stand-alone server loads the clients of services where they are asked for.
    if (path === "src/deps.ts" || path === "src/storage.ts") continue;
    const foreign = specifiers(path).filter((name) => !/^\.\.?\//.test(name));
    assertEquals(foreign, [], path);
  }
});

test("no file of src has more than 300 lines", () => {
  const long = sources().map((path) => {
    const lines = read(path).split("\n").length - 1;
    return `${path}: ${lines}`;
  }).filter((text) => Number(text.split(": ")[1]) > 300);
  assertEquals(long, []);
});
