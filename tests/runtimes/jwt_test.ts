/** Tokens, tickets and addresses on Node and workerd, with the packed Halley. */
import { assert, assertEquals } from "@std/assert";
import { bearer, SECRET } from "../issuer.ts";
import { problemOf, publish, subscribe } from "../http/halley.ts";
import { Folder, type Program, test, WORKERD } from "./programs.ts";

const ENGINE = `
const policy = jwt({ secret: ${JSON.stringify(SECRET)}, audience: "push" });
const engine = createEngine({ policy, limits: { address: { connections: 2 } } });
`;

const NODE = `
import { serve } from "@hono/node-server";
import { createEngine, createRouter, jwt } from "@halley/halley";
${ENGINE}
const { fetch } = createRouter(engine);
serve(
  { fetch, hostname: "127.0.0.1", port: 0 },
  ({ port }) => console.log("port", port),
);
`;

const WORKER = `
import { createEngine, createRouter, jwt } from "@halley/halley";
export class Push {
  constructor() {
    ${ENGINE}
    const proxy = { header: "cf-connecting-ip" };
    this.fetch = createRouter(engine, { proxy }).fetch;
  }
}
export default {
  fetch: (request, { PUSH }) => PUSH.getByName("push").fetch(request),
};
`;

/** A token lets in, its ticket too, and a third connection is one too many. */
async function tokens(program: Program): Promise<void> {
  const url = await program.url();
  const address = { "cf-connecting-ip": "192.0.2.1" };
  const claims = { aud: "push", subscribe: "a", publish: "a" };
  const headers = { ...address, ...await bearer(claims) };
  assertEquals((await publish(`${url}/a`, 1, address)).status, 401);
  const wrong = await bearer({ ...claims, aud: "pull" });
  assertEquals((await publish(`${url}/a`, 1, wrong)).status, 401);
  const first = await subscribe(`${url}/a`, headers);
  const asked = await fetch(`${url}/$ticket`, { method: "POST", headers });
  const { ticket } = await asked.json();
  const second = await subscribe(`${url}/a?ticket=${ticket}`, address);
  const third = await fetch(`${url}/a?transport=poll`, { headers });
  const { code, detail } = await problemOf(third);
  assertEquals(code, "too_many_requests");
  assert(detail.includes("address.connections"), detail);
  assertEquals((await publish(`${url}/a`, 2, headers)).status, 200);
  for (const { listener } of [first, second]) {
    assertEquals(await listener.data(1), [2]);
    await listener.close();
  }
}

test("Node takes tokens and tickets, and counts by the address of the socket", async () => {
  await using folder = new Folder();
  folder.write("package.json", `{"type":"module"}`);
  folder.write("app.js", NODE);
  await folder.pack();
  await folder.install(["./halley.tgz", "@hono/node-server@^2.1.8"]);
  await using program = folder.start([await folder.tool("node"), "app.js"]);
  await tokens(program);
});

test("A Durable Object takes tokens and tickets, and counts by the header it is told", async () => {
  await using folder = new Folder();
  folder.write("package.json", `{"type":"module"}`);
  folder.write("worker.js", WORKER);
  folder.write("config.capnp", WORKERD);
  await folder.pack();
  await folder.install(["./halley.tgz"]);
  const to = ["--target=node", "--outfile=bundle.js"];
  await folder.run([await folder.tool("bun"), "build", "worker.js", ...to]);
  const command = ["serve", "--control-fd=1", "config.capnp"];
  await using program = folder.start([
    await folder.tool("workerd"),
    ...command,
  ]);
  await tokens(program);
});
