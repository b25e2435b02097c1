/** Deno: imported from a URL, as a member of a workspace, under `deno serve`. */
import { assertEquals } from "@std/assert";
import { serve } from "../harness.ts";
import {
  ENGINE,
  Folder,
  goneFromPoll,
  leaving,
  readSource,
  roundTrip,
  test,
} from "./programs.ts";

const MOD = new URL("../../mod.ts", import.meta.url).href;

const program = (halley: string) => `
import { createEngine, createRouter } from "${halley}";
${ENGINE}
const { fetch } = createRouter(engine);
`;

const LISTEN = `
const server = Deno.serve({ port: 0, hostname: "127.0.0.1" }, fetch);
Deno.addSignalListener("SIGTERM", async () => {
  await engine.close();
  await server.shutdown();
  Deno.exit();
});
`;

test("A program in an empty folder imports mod.ts from a URL", async () => {
  await using folder = new Folder();
  const source = await serve(readSource);
  const { host } = new URL(source.url);
  folder.write("app.ts", program(`${source.url}/mod.ts`) + LISTEN);
  const flags = [`--allow-import=${host}`, "--allow-net", "app.ts"];
  await using app = folder.start([Deno.execPath(), "run", "--check", ...flags]);
  const url = `${await app.url()}/a`;
  await roundTrip(url, app);
  await goneFromPoll(url, app);
  await leaving(url, app);
  await source.stop();
});

test("The page of a program that came from a URL is fetched from there, and nothing that is not there", async () => {
  await using folder = new Folder();
  const asked: string[] = [];
  let down = false;
  const source = await serve((request) => {
    asked.push(new URL(request.url).pathname);
    return down ? new Response("down", { status: 503 }) : readSource(request);
  });
  const { host } = new URL(source.url);
  folder.write(
    "app.ts",
    `import { servePage } from "${source.url}/src/page/serve.ts";
    Deno.serve({ port: 0, hostname: "127.0.0.1" }, async ({ url }) =>
      await servePage(new URL(url).pathname) ?? new Response("", { status: 404 })
    );`,
  );
  const flags = [`--allow-import=${host}`, "--allow-net", "app.ts"];
  await using app = folder.start([Deno.execPath(), "run", ...flags]);
  const url = await app.url();
  const ask = async (name: string) => {
    const response = await fetch(`${url}/page/src/client/${name}.ts`);
    return [response.status, (await response.text()).includes("ndjson")];
  };
  asked.length = 0;
  assertEquals(await ask("aaaa"), [404, false]);
  assertEquals(asked, []);
  // What a forge says while it is out of order is no module.
  down = true;
  assertEquals(await ask("parse"), [404, false]);
  down = false;
  for (let n = 0; n < 2; n++) assertEquals(await ask("parse"), [200, true]);
  assertEquals(asked, Array(2).fill("/src/client/parse.ts"));
  await source.stop();
});

test("A member of a workspace imports Halley by its name", async () => {
  await using folder = new Folder();
  folder.write("deno.json", `{"workspace":["./halley","./app"]}`);
  folder.write("app/deno.json", "{}");
  folder.write("app/app.ts", program("@halley/halley") + LISTEN);
  await folder.copy(["mod.ts", "client.ts", "src", "deno.json"], "halley");
  const command = [Deno.execPath(), "run", "--check", "--allow-net"];
  await using app = folder.start([...command, "app/app.ts"]);
  const url = `${await app.url()}/a`;
  await roundTrip(url, app);
  await leaving(url, app);
});

test("deno serve --parallel serves an engine that is alone", async () => {
  await using folder = new Folder();
  folder.write("app.ts", program(MOD) + "export default { fetch };");
  await using app = folder.start(
    [Deno.execPath(), "serve", "-A", "--parallel", "--port=0", "app.ts"],
    { DENO_JOBS: "1" },
  );
  const url = `${await app.url()}/a`;
  await roundTrip(url, app);
});

test("deno serve --parallel says that engines on memory() do not hear each other", async () => {
  await using folder = new Folder();
  folder.write("app.ts", program(MOD) + "export default { fetch };");
  await using app = folder.start(
    [Deno.execPath(), "serve", "-A", "--parallel", "--port=0", "app.ts"],
    { DENO_JOBS: "2" },
  );
  await app.hears("Another engine runs beside this one");
});
