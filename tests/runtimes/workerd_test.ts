/** workerd, with the packed Halley in a Durable Object. */
import { assertEquals } from "@std/assert";
import { poll } from "../http/halley.ts";
import { ENGINE, Folder, roundTrip, test, WORKERD } from "./programs.ts";

const PROGRAM = `
import { createEngine, createRouter } from "@halley/halley";
export class Push {
  constructor() {
    ${ENGINE}
    this.fetch = createRouter(engine).fetch;
  }
}
export default {
  fetch: (request, { PUSH }) => PUSH.getByName("push").fetch(request),
};
`;

test("A Durable Object serves streams and polls, and misses who goes at the next write", async () => {
  await using folder = new Folder();
  folder.write("package.json", `{"type":"module"}`);
  folder.write("worker.js", PROGRAM);
  folder.write("config.capnp", WORKERD);
  await folder.pack();
  await folder.install(["./halley.tgz"]);
  const bun = await folder.tool("bun");
  const to = ["--target=node", "--outfile=bundle.js"];
  await folder.run([bun, "build", "worker.js", ...to]);
  const workerd = await folder.tool("workerd");
  await using program = folder.start([
    workerd,
    "serve",
    "--control-fd=1",
    "config.capnp",
  ]);
  const url = `${await program.url()}/a`;
  await roundTrip(url, program);
  // A poll has its own limit, kept by the same timer as the heartbeats.
  const { id } = await poll(url);
  const empty = await poll(url, { since: id!, wait: "500" });
  assertEquals(empty.messages, []);
});
