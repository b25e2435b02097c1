/** Ways to run a server: Deno Deploy's, Bun's with its unit, Node's, Workers'. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { listen, poll, publish, subscribe } from "../http/halley.ts";
import { runtime } from "../harness.ts";
import { Folder, test } from "../runtimes/programs.ts";
import { Service, testWith } from "../services.ts";
import { freePort } from "../port.ts";
import { examples, readExample, run, serve } from "./examples.ts";

/** Deno starts the programs, as for `test`. */
const testRedis = runtime === "deno" ? testWith("redis-server") : () => {};

test("examples/deno_deploy.ts on Deno KV tells its clients, and is gone before it is killed", async () => {
  await using folder = new Folder();
  const env = { KV_PATH: ":memory:" };
  await using server = await serve(
    folder,
    "deno",
    "deno_deploy.ts",
    "/healthz",
    env,
  );
  const { url, program } = server;
  await isReady(url);
  const streams = await Promise.all(
    [1, 2, 3, 4].map(() => subscribe(`${url}/a`)),
  );
  assertEquals((await publish(`${url}/a`, "hello")).status, 200);
  assertEquals(await streams[3]!.listener.data(1), ["hello"]);
  const began = performance.now();
  program.kill("SIGINT");
  const closes = await Promise.all(
    streams.map(({ listener }) => listener.frame("close")),
  );
  assertEquals(closes.map(({ code }) => code), Array(4).fill("shutdown"));
  assertEquals(await program.exit, 0, program.output);
  assert(performance.now() - began < 5_000);
});

testRedis(
  "examples/deno_deploy.ts on Redis: two instances are one server",
  async () => {
    await using folder = new Folder();
    await using service = await Service.redis();
    const env = { REDIS_URL: `redis://127.0.0.1:${service.port}` };
    const start = () =>
      serve(folder, "deno", "deno_deploy.ts", "/healthz", env);
    await using first = await start();
    await using second = await start();
    for (const { url } of [first, second]) await isReady(url);
    const { listener } = await subscribe(`${first.url}/a`);
    const response = await publish(`${second.url}/a`, "hello");
    const { id, data } = await listener.frame("message");
    assertEquals([id, data], [(await response.json()).id, "hello"]);
    await listener.close();
  },
);

test("examples/bun/server.ts runs as its systemd unit says, and ends within its time", async () => {
  await using folder = new Folder();
  const unit = readExample("bun/halley.service");
  const [, command = ""] = /^ExecStart=(.*)$/m.exec(unit)!;
  assertMatch(command, /^\/usr\/local\/bin\/bun \/srv\/halley\/examples\//);
  const [, file = ""] = command.split("/srv/halley/examples/");
  const env = Object.fromEntries(
    [...unit.matchAll(/^Environment=(.*?)=(.*)$/gm)].map(([, name, value]) => [
      name!,
      value!,
    ]),
  );
  const [, limit] = /^TimeoutStopSec=([0-9]+)s$/m.exec(unit)!;
  const [, signal] = /^KillSignal=(.*)$/m.exec(unit)!;
  // What a drain takes fits into what systemd gives it.
  assert(Number(env.DRAIN) + 2_000 < Number(limit) * 1_000);
  const bun = await folder.tool("bun");
  const port = await freePort();
  const more = { ...env, PORT: String(port), DRAIN: "1000" };
  const server = await run(folder, [bun, examples + file], port, more);
  const { url, program } = server;
  const { listener } = await subscribe(`${url}/time`);
  assertMatch(`${(await listener.data(1))[0]}`, /^\d{4}-/);
  assertEquals((await publish(`${url}/time`, 1)).status, 401);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  assertMatch(metrics, /^halley_connections{transport="sse"} 1$/m);
  program.kill(signal as Deno.Signal);
  const { code, after } = await listener.frame("close");
  // Drain and restart: nobody is asked back before that.
  assertEquals([code, after >= 3_000], ["shutdown", true]);
  assertEquals(await program.exit, 0, program.output);
  assertMatch(program.output, /"event":"drain","connections":1/);
});

test("examples/node runs under Node, with the packed Halley", async () => {
  await using folder = new Folder();
  for (const name of ["package.json", "server.js"]) {
    folder.write(name, readExample(`node/${name}`));
  }
  await folder.pack();
  await folder.install(["./halley.tgz"]);
  const node = await folder.tool("node");
  const port = await freePort();
  const env = { DRAIN: "1000" };
  await using server = await run(folder, [node, "server.js"], port, env);
  const { url, program } = server;
  const { listener } = await subscribe(`${url}/time`);
  assertMatch(`${(await listener.data(1))[0]}`, /^\d{4}-/);
  const metrics = await (await fetch(`${url}/metrics`)).text();
  assertMatch(metrics, /^halley_deliveries_total [1-9]/m);
  program.kill("SIGTERM");
  assertEquals((await listener.frame("close")).code, "shutdown");
  assertEquals(await program.exit, 0, program.output);
});

/** Waits until a server can do all of its work. */
async function isReady(url: string): Promise<void> {
  for (;;) {
    const response = await fetch(`${url}/readyz`);
    const state = await response.text();
    if (response.status === 200) return;
    assert(["starting\n", "backplane\n"].includes(state), state);
  }
}

const CONFIG = `
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .main)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "bundle.js")],
  compatibilityDate = "DATE",
  compatibilityFlags = FLAGS,
  durableObjectNamespaces = [(className = "CLASS", uniqueKey = "push")],
  durableObjectStorage = (inMemory = void),
  bindings = [(name = "BINDING", durableObjectNamespace = "CLASS")],
);
`;

test("examples/workers runs in workerd as its wrangler.jsonc says", async () => {
  await using folder = new Folder();
  folder.write("package.json", `{"type":"module"}`);
  const settings = JSON.parse(readExample("workers/wrangler.jsonc"));
  const { main, durable_objects, migrations } = settings;
  const [binding] = durable_objects.bindings;
  assertEquals(migrations[0].new_sqlite_classes, [binding.class_name]);
  folder.write(main, readExample(`workers/${main}`));
  folder.write(
    "config.capnp",
    CONFIG.replace("DATE", settings.compatibility_date)
      .replace("FLAGS", JSON.stringify(settings.compatibility_flags))
      .replaceAll("CLASS", binding.class_name)
      .replace("BINDING", binding.name),
  );
  await folder.pack();
  await folder.install(["./halley.tgz"]);
  const bun = await folder.tool("bun");
  const to = ["--target=node", "--outfile=bundle.js"];
  await folder.run([bun, "build", main, ...to]);
  const workerd = await folder.tool("workerd");
  await using program = folder.start([
    workerd,
    "serve",
    "--control-fd=1",
    "config.capnp",
  ]);
  const url = await program.url();
  assertEquals(await (await fetch(`${url}/readyz`)).text(), "ready\n");
  const { listener } = await subscribe(`${url}/a`);
  const response = await publish(`${url}/a`, "hello");
  assertEquals(response.status, 200);
  assertEquals(await listener.data(1), ["hello"]);
  const { id } = await response.json();
  await listener.close();
  await publish(`${url}/a`, "missed");
  const again = await listen(`${url}/a`, { "last-event-id": id });
  assertEquals(await again.data(1), ["missed"]);
  const { messages } = await poll(`${url}/a`, { since: id, wait: "0" });
  assertEquals(messages.map(({ data }) => data), ["missed"]);
  await again.close();
});
