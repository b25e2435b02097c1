/** Bun, from the repository and with the packed Halley. */
import { publish, subscribe } from "../http/halley.ts";
import { standalone } from "../http/child.ts";
import { assertEquals } from "@std/assert";
import {
  ENGINE,
  Folder,
  goneFromPoll,
  leaving,
  roundTrip,
  test,
} from "./programs.ts";

const PROGRAM = `
import { createEngine, createRouter } from "@halley/halley";
import "@halley/halley/client";
${ENGINE}
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch: createRouter(engine).fetch,
});
console.log("port", server.port);
process.once("SIGTERM", async () => {
  await engine.close();
  await server.stop();
});
`;

test("Bun runs the repository", async () => {
  await using folder = new Folder();
  const bun = await folder.tool("bun");
  await folder.copy(["package.json", "bun.lock", "jsconfig.json"]);
  await folder.copy(["mod.ts", "client.ts", "src"]);
  await folder.run([bun, "install", "--frozen-lockfile", "--production"]);
  const start = [bun, `${folder.path}/src/main.ts`];
  await using halley = await standalone({}, () => start);
  const url = `${halley.url}/a`;
  const { listener } = await subscribe(url);
  assertEquals((await publish(url, "hello")).status, 200);
  assertEquals(await listener.data(1), ["hello"]);
  await listener.close();
});

test("Bun runs a program that has added the package", async () => {
  await using folder = new Folder();
  const bun = await folder.tool("bun");
  await folder.pack();
  await folder.run([bun, "add", "./halley.tgz"]);
  folder.write("app.ts", PROGRAM);
  await using app = folder.start([bun, "app.ts"]);
  const url = `${await app.url()}/a`;
  await roundTrip(url, app);
  await goneFromPoll(url, app);
  await leaving(url, app);
});
