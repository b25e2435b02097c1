/** Node, with the packed Halley behind @hono/node-server, and with its client. */
import { assertEquals } from "@std/assert";
import { start } from "../http/halley.ts";
import {
  ENGINE,
  Folder,
  goneFromPoll,
  leaving,
  roundTrip,
  test,
} from "./programs.ts";

const PROGRAM = `
import { serve } from "@hono/node-server";
import { createEngine, createRouter } from "@halley/halley";
${ENGINE}
const { fetch } = createRouter(engine);
const server = serve(
  { fetch, hostname: "127.0.0.1", port: 0 },
  ({ port }) => console.log("port", port),
);
process.once("SIGTERM", async () => {
  await engine.close();
  server.close();
});
`;

test("Node serves streams and polls, misses who goes, and shuts down", async () => {
  await using folder = new Folder();
  folder.write("package.json", `{"type":"module"}`);
  folder.write("app.js", PROGRAM);
  await folder.pack();
  await folder.install(["./halley.tgz", "@hono/node-server@^2.1.8"]);
  const node = await folder.tool("node");
  await using program = folder.start([node, "app.js"]);
  const url = `${await program.url()}/a`;
  await roundTrip(url, program);
  await goneFromPoll(url, program);
  await leaving(url, program);
});

const LISTENER = `
import { createClient } from "@halley/halley/client";
for (const transport of ["stream", "sse", "poll"]) {
  const client = createClient(process.argv[2], { transport });
  const heard = [];
  const all = new Promise((resolve) =>
    client.subscribe("a/*", (data) => heard.push(data) === 3 && resolve())
  );
  await new Promise((resolve) => client.on("open", resolve));
  for (const text of ["one", "grüße", "🌍"]) await client.publish("a/b", text);
  await all;
  console.log(client.transport, heard.join());
  client.close();
}
`;

test("client.ts listens, publishes and leaves under Node, on each transport", async () => {
  await using folder = new Folder();
  folder.write("package.json", `{"type":"module"}`);
  folder.write("listener.js", LISTENER);
  await folder.pack();
  await folder.install(["./halley.tgz"]);
  const node = await folder.tool("node");
  await using halley = await start();
  const reasons: string[] = [];
  halley.engine.on("drop", (_, reason) => void reasons.push(reason));
  await using program = folder.start([node, "listener.js", halley.url]);
  for (const transport of ["stream", "sse", "poll"]) {
    await program.hears(`${transport} one,grüße,🌍\n`);
  }
  // Nothing keeps it.
  assertEquals(await program.exit, 0);
  assertEquals(reasons, ["left", "left", "left"]);
});
