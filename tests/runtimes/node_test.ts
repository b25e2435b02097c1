/** Node, with the packed Halley behind @hono/node-server. */
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
import "@halley/halley/client";
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
