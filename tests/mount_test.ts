/** A router at any base of anybody's Hono app. */
import { assertEquals } from "@std/assert";
import { App, type Hono } from "../src/deps.ts";
import { createEngine, type Engine } from "../src/engine.ts";
import { createRouter } from "../src/router.ts";
import { serve, test } from "./harness.ts";
import { listen, poll, problemOf, publish } from "./http/halley.ts";

/** How it is mounted, and where it is found then. */
const mounts: Record<
  string,
  [mount: (push: Hono) => Hono, base: string]
> = {
  "a base": [(push) => new App().route("/push", push), "/push"],
  "the base /": [(push) => new App().route("/", push), ""],
  "no app at all": [(push) => push, ""],
  "a long base": [(push) => new App().route("/a/b/c", push), "/a/b/c"],
  "a base with a parameter": [
    (push) => new App().route("/t/:tenant/push", push),
    "/t/acme/push",
  ],
  "a parameter with a slash in it": [
    (push) => new App().route("/t/:tenant/push", push),
    "/t/acme%2Fsub/push",
  ],
  "a parameter of two": [
    (push) => new App().route("/:app/:room{[0-9]+}", push),
    "/chat/42",
  ],
  "nested routes": [
    (push) =>
      new App().route(
        "/api",
        new App().route("/v1", new App().route("/p", push)),
      ),
    "/api/v1/p",
  ],
  "a base path": [
    (push) => new App().basePath("/api").route("/push", push),
    "/api/push",
  ],
  "a mount of its handler": [
    (push) => new App().mount("/push", push.fetch),
    "/push",
  ],
  "middleware of the base": [
    (push) =>
      new App().use("/push/*", (_, next) => next()).route("/push", push)
        .get("*", (c) => c.text("a page")),
    "/push",
  ],
  "a base that is a channel's name too": [
    (push) => new App().route("/a", push),
    "/a",
  ],
};

for (const [name, [mount, base]] of Object.entries(mounts)) {
  test(`at ${name}, channels are what follows the base`, async () => {
    const engine = createEngine({ policy: { allow: () => true } });
    const server = await serve(mount(createRouter(engine)).fetch);
    const url = `${server.url}${base}`;
    const query = await listen(
      `${url}${base ? "" : "/"}?channel=a&channel=b/*`,
    );
    await query.frame("open");
    const path = await listen(`${url}/b/c%20d?transport=stream`);
    await path.frame("open");
    const posts = [
      await publish(`${url}/a`, 1),
      await publish(`${url}/b/c%20d`, 2),
      await publish(`${url}${base ? "" : "/"}?channel=a`, 3),
    ];
    assertEquals(posts.map(({ status }) => status), [200, 200, 200]);
    assertEquals(await query.data(3), [1, 2, 3]);
    assertEquals(await path.data(1), [2]);
    const { messages, key } = await poll(`${url}/a`, { since: "earliest" });
    assertEquals(messages.map(({ channel }) => channel), ["a", "a"]);
    const present = await fetch(`${url}/$presence?channel=b/e`);
    assertEquals((await present.json()).presence["b/e"].length, 1);
    const left = await fetch(`${url}/$leave?key=${key}`, { method: "POST" });
    assertEquals(left.status, 204);
    const refused = await fetch(`${url}/a//b`);
    assertEquals((await problemOf(refused)).code, "invalid_channel");
    assertEquals(engine.channels.sort(), ["a", "b/c d"]);
    for (const post of posts) await post.body!.cancel();
    await query.close();
    await path.close();
    await engine.close();
    await server.stop();
  });
}

test("two engines in one app share nothing", async () => {
  const engines = [createEngine(), createEngine()] as [Engine, Engine];
  const app = new App();
  for (const [n, engine] of engines.entries()) {
    app.route(`/${n}`, createRouter(engine));
  }
  app.get("/", (c) => c.text("home"));
  const server = await serve(app.fetch);
  const [one, two] = await Promise.all(
    [0, 1].map((n) => listen(`${server.url}/${n}/a`)),
  );
  for (const listener of [one!, two!]) await listener.frame("open");
  await engines[0].publish("a", "first");
  await engines[1].publish("a", "second");
  assertEquals([...await one!.data(1), ...await two!.data(1)], [
    "first",
    "second",
  ]);
  assertEquals(await (await fetch(server.url)).text(), "home");
  for (const engine of engines) await engine.close();
  await one!.close();
  await two!.close();
  await server.stop();
});

test("what is left of a body that middleware has read is not published", async () => {
  const engine = createEngine({ policy: { allow: () => true } });
  engine.on("error", () => {});
  const app = new App();
  // Who checks a signature has to read it.
  app.use("*", async (c, next) => {
    await c.req.text();
    await next();
  }).route("/push", createRouter(engine));
  const server = await serve(app.fetch);
  const response = await fetch(`${server.url}/push/a`, {
    method: "POST",
    body: "hello",
  });
  await response.body?.cancel();
  const { frames } = await engine.history("a");
  assertEquals(frames.filter(({ data }) => data !== '"hello"'), []);
  await engine.close();
  await server.stop();
});
