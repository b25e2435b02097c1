/** Ways to run a server: Deno Deploy's, Bun's with its unit, Node's, Workers'. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { listen, publish, subscribe } from "../http/halley.ts";
import { runtime } from "../harness.ts";
import { Folder, test } from "../runtimes/programs.ts";
import { Service, testWith } from "../services.ts";
import { bearer, SECRET } from "../issuer.ts";
import { freePort } from "../port.ts";
import { examples, readExample, run, serve } from "./examples.ts";

/** Deno starts the programs, as for `test`. */
const testRedis = runtime === "deno" ? testWith("redis-server") : () => {};

test("examples/deno_deploy.ts on Deno KV tells its clients, and is gone before it is killed", async () => {
  await using folder = new Folder();
  const env = { KV_PATH: ":memory:", JWT_SECRET: SECRET };
  await using server = await serve(
    folder,
    "deno",
    "deno_deploy.ts",
    "/healthz",
    env,
  );
  const { url, program } = server;
  await isReady(url);
  const a = `${url}/push/a`;
  const ann = await bearer({ subscribe: "a", publish: "a" });
  const streams = await Promise.all(
    [1, 2, 3, 4].map(() => subscribe(a, ann)),
  );
  assertEquals((await publish(a, "hello")).status, 401);
  assertEquals((await publish(a, "hello", ann)).status, 200);
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

test("examples/deno_deploy.ts without a secret lets everybody listen, and nobody publish", async () => {
  await using folder = new Folder();
  // As it is, but that an address has one connection.
  const text = readExample("deno_deploy.ts")
    .replaceAll('"../mod.ts"', `"${examples}../mod.ts"`)
    .replace("maxAge:", "limits: { address: { connections: 1 } }, maxAge:");
  folder.write("deno_deploy.ts", text);
  const port = await freePort();
  const flags = ["-A", "--unstable-kv", "--host=127.0.0.1", `--port=${port}`];
  const command = [Deno.execPath(), "serve", ...flags, "deno_deploy.ts"];
  const env = { KV_PATH: ":memory:" };
  await using server = await run(folder, command, port, env);
  const { url } = server;
  await isReady(url);
  const { listener, open } = await subscribe(`${url}/push/a`);
  await isClosed(`${url}/push/a`, open.connection);
  const other = await fetch(`${url}/push/a?transport=poll`);
  assertEquals((await other.json()).code, "too_many_requests");
  await listener.close();
});

/** Nobody publishes there without a token, to whomever. */
async function isClosed(url: string, connection: string): Promise<void> {
  for (const to of ["", `?to=${connection}`, "?to=*"]) {
    const response = await publish(url + to, "spam");
    await response.body?.cancel();
    assertEquals(response.status, 401, to);
  }
}

testRedis(
  "examples/deno_deploy.ts on Redis: two instances are one server",
  async () => {
    await using folder = new Folder();
    await using service = await Service.redis();
    const env = {
      REDIS_URL: `redis://127.0.0.1:${service.port}`,
      JWT_SECRET: SECRET,
    };
    const ann = await bearer({ subscribe: "a", publish: "a" });
    const start = () =>
      serve(folder, "deno", "deno_deploy.ts", "/healthz", env);
    await using first = await start();
    await using second = await start();
    for (const { url } of [first, second]) await isReady(url);
    const { listener } = await subscribe(`${first.url}/push/a`, ann);
    const response = await publish(`${second.url}/push/a`, "hello", ann);
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
  const { listener, open } = await subscribe(`${url}/push/time`);
  assertMatch(`${(await listener.data(1))[0]}`, /^\d{4}-/);
  await isClosed(`${url}/push/time`, open.connection);
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
  const { listener, open } = await subscribe(`${url}/push/time`);
  assertMatch(`${(await listener.data(1))[0]}`, /^\d{4}-/);
  await isClosed(`${url}/push/time`, open.connection);
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
  bindings = [(name = "BINDING", durableObjectNamespace = "CLASS")SECRET],
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
  const config = (secret: string) =>
    CONFIG.replace("DATE", settings.compatibility_date)
      .replace("FLAGS", JSON.stringify(settings.compatibility_flags))
      .replaceAll("CLASS", binding.class_name)
      .replace("BINDING", binding.name)
      .replace("SECRET", secret);
  folder.write("open.capnp", config(""));
  const text = `, (name = "JWT_SECRET", text = "${SECRET}")`;
  folder.write("tokens.capnp", config(text));
  await folder.pack();
  await folder.install(["./halley.tgz"]);
  const bun = await folder.tool("bun");
  const to = ["--target=node", "--outfile=bundle.js"];
  await folder.run([bun, "build", main, ...to]);
  const workerd = await folder.tool("workerd");
  const command = [workerd, "serve", "--control-fd=1"];
  {
    await using program = folder.start([...command, "open.capnp"]);
    const url = `${await program.url()}/push/a`;
    const { listener, open } = await subscribe(url);
    await isClosed(url, open.connection);
    await listener.close();
  }
  await using program = folder.start([...command, "tokens.capnp"]);
  const origin = await program.url();
  assertEquals(await (await fetch(`${origin}/readyz`)).text(), "ready\n");
  const url = `${origin}/push/a`;
  const ann = await bearer({ subscribe: "a", publish: "a" });
  assertEquals((await publish(url, "hello")).status, 401);
  const { listener } = await subscribe(url, ann);
  const response = await publish(url, "hello", ann);
  assertEquals(response.status, 200);
  assertEquals(await listener.data(1), ["hello"]);
  const { id } = await response.json();
  await listener.close();
  await publish(url, "missed", ann);
  const again = await listen(url, { ...ann, "last-event-id": id });
  assertEquals(await again.data(1), ["missed"]);
  const query = `?transport=poll&since=${id}&wait=0`;
  const { messages } = await (await fetch(url + query, { headers: ann }))
    .json();
  assertEquals(messages.map(({ data }: { data: unknown }) => data), ["missed"]);
  await again.close();
});
