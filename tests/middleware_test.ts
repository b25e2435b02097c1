/** A router in anybody's Hono app, behind Hono's own middleware. */
import { assert, assertEquals } from "@std/assert";
import { basicAuth } from "npm:hono@^4.13.0/basic-auth";
import { bearerAuth } from "npm:hono@^4.13.0/bearer-auth";
import { compress } from "npm:hono@^4.13.0/compress";
import { cors } from "npm:hono@^4.13.0/cors";
import { etag } from "npm:hono@^4.13.0/etag";
import { timeout } from "npm:hono@^4.13.0/timeout";
import { App, type Hono } from "../src/deps.ts";
import { createEngine, type Engine } from "../src/engine.ts";
import { stream } from "../src/respond.ts";
import { createRouter, type RouterOptions } from "../src/router.ts";
import { serve, test } from "./harness.ts";
import { listen, poll, problemOf, publish } from "./http/halley.ts";

const PAGE = "https://app.example";
const TOKEN = { authorization: "Bearer secret" };

/** An app on a real socket, and the engine in it. */
async function serving(
  mount: (app: Hono, push: Hono, engine: Engine) => unknown,
  options: RouterOptions = {},
): Promise<{ url: string; engine: Engine } & AsyncDisposable> {
  const engine = createEngine({ policy: { allow: () => true } });
  const app = new App();
  mount(app, createRouter(engine, options), engine);
  const server = await serve(app.fetch);
  return {
    url: server.url,
    engine,
    async [Symbol.asyncDispose]() {
      await engine.close();
      await server.stop();
    },
  };
}

type Middleware = Parameters<Hono["use"]>[1] & object;

/** Each as one would put it in front of everything. */
const middleware: Record<string, () => Middleware[]> = {
  "bearer auth": () => [bearerAuth({ token: "secret" })],
  "basic auth": () => [basicAuth({ username: "ann", password: "secret" })],
  "cors": () => [cors()],
  "compress": () => [compress({ threshold: 0 })],
  "timeout": () => [timeout(60_000)],
  "etag": () => [etag()],
  "etag and compress": () => [etag(), compress({ threshold: 0 })],
  "all of it": () => [
    cors({ origin: PAGE, credentials: true }),
    bearerAuth({ token: "secret" }),
    timeout(60_000),
    compress({ threshold: 0 }),
    etag({ weak: true }),
  ],
};

const basic = { authorization: `Basic ${btoa("ann:secret")}` };

for (const [name, make] of Object.entries(middleware)) {
  const headers = {
    ...(name === "basic auth" ? basic : TOKEN),
    origin: PAGE,
    "accept-encoding": "gzip, deflate",
  };

  test(`behind ${name}, a stream comes message by message`, async () => {
    await using app = await serving((app, push) =>
      app.use("*", ...make()).route("/push", push)
    );
    for (const transport of ["sse", "stream"]) {
      const listener = await listen(
        `${app.url}/push/a?transport=${transport}`,
        headers,
      );
      const { response } = listener;
      assertEquals(response.headers.get("content-encoding"), null);
      assertEquals(
        response.headers.get("cache-control"),
        "no-store, no-transform",
      );
      await listener.frame("open");
      for (const n of [1, 2, 3]) {
        await app.engine.publish("a", n);
        // It is here before the next one is published.
        assertEquals(await listener.data(1), [n]);
      }
      await listener.close();
    }
  });

  test(`behind ${name}, polls and publishes are answered`, async () => {
    await using app = await serving(
      (app, push) => app.use("*", ...make()).route("/push", push),
      { origins: [PAGE] },
    );
    const url = `${app.url}/push/a`;
    const posted = await publish(url, "x".repeat(5_000), headers);
    assertEquals(posted.status, 200);
    const { id } = await posted.json();
    const read = await fetch(`${url}?transport=poll&since=earliest&wait=0`, {
      headers,
    });
    const { messages } = await read.json();
    assertEquals(messages[0].data.length, 5_000);
    const held = fetch(`${url}?transport=poll&since=${id}`, { headers });
    await app.engine.publish("a", 2);
    const answer = await (await held).json();
    assertEquals(answer.messages[0].data, 2);
    const refused = await publish(`${url}*b`, 1, headers);
    assertEquals((await problemOf(refused)).code, "invalid_channel");
  });
}

test("behind auth, whoever is not let in reaches nothing", async () => {
  for (const name of ["bearer auth", "basic auth"]) {
    await using app = await serving((app, push) =>
      app.use("*", ...middleware[name]!()).route("/push", push)
    );
    for (const method of ["GET", "POST"]) {
      const response = await fetch(`${app.url}/push/a`, { method });
      assertEquals(response.status, 401);
      await response.body?.cancel();
    }
    assertEquals([app.engine.connections.size, app.engine.channels], [0, []]);
  }
});

test("behind a timeout, a stream lives on and a held poll loses nothing", async () => {
  await using app = await serving((app, push) =>
    app.use("*", timeout(100)).route("/push", push)
  );
  const url = `${app.url}/push/a`;
  const listener = await listen(url);
  await listener.frame("open");
  const { id, key } = await poll(url);
  const cut = await fetch(`${url}?transport=poll&since=${id}&key=${key}`);
  assertEquals([cut.status, await cut.text()], [504, "Gateway Timeout"]);
  await app.engine.publish("a", 1);
  assertEquals(await listener.data(1), [1]);
  await listener.close();
  const { messages } = await poll(url, { since: id!, key });
  assertEquals(messages.map(({ data }) => data), [1]);
});

test("behind etag, a stream is not asked whether it has changed", async () => {
  await using app = await serving((app, push) =>
    app.use("*", etag()).route("/push", push)
  );
  const listener = await listen(`${app.url}/push/a`, {
    "if-none-match": 'W/"another"',
  });
  await listener.frame("open");
  await listener.close();
  const head = await fetch(`${app.url}/push/a`, { method: "HEAD" });
  assertEquals(head.status, 200);
});

test("behind etag and compress, a response of one's own comes piece by piece", async () => {
  let read = Promise.withResolvers<void>();
  await using app = await serving((app) =>
    app.use("*", etag(), compress({ threshold: 0 })).get(
      "/report",
      (c) =>
        stream(c.req.raw, async (out) => {
          for (const piece of ["one", "two", "three"]) {
            await out.write(piece);
            await read.promise;
            read = Promise.withResolvers();
          }
        }, { timeout: 500 }),
    )
  );
  const { body, status } = await fetch(`${app.url}/report`);
  assertEquals(status, 200);
  const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
  for (const piece of ["one", "two", "three"]) {
    assertEquals((await reader.read()).value, piece);
    read.resolve();
  }
  assertEquals((await reader.read()).done, true);
});

/** What a browser looks at, each header as often as it came. */
function grants({ headers }: Response): (string | null)[] {
  return ["origin", "credentials", "expose-headers"].map((name) =>
    headers.get(
      `access-control-${name === "expose-headers" ? "" : "allow-"}${name}`,
    )
  );
}

test("behind cors, what a page may do is said once", async () => {
  await using app = await serving(
    (app, push) => {
      const origin = [PAGE];
      app.use("*", cors({ origin, credentials: true })).route("/push", push);
    },
    { origins: [PAGE] },
  );
  const url = `${app.url}/push/a`;
  const post = await publish(url, 1, { origin: PAGE });
  const read = await fetch(`${url}?transport=poll`, {
    headers: { origin: PAGE },
  });
  for (const response of [post, read]) {
    assertEquals(response.status, 200);
    assertEquals(grants(response), [PAGE, "true", "retry-after"]);
    assert(response.headers.get("vary")?.toLowerCase().includes("origin"));
    await response.body!.cancel();
  }
  const preflight = await fetch(url, {
    method: "OPTIONS",
    headers: {
      origin: PAGE,
      "access-control-request-method": "POST",
      "access-control-request-headers": "push-key",
    },
  });
  assertEquals(preflight.status, 204);
  assertEquals(grants(preflight).slice(0, 2), [PAGE, "true"]);
  const allowed = preflight.headers.get("access-control-allow-headers");
  assert(allowed!.includes("push-key"), allowed!);
});

test("behind cors alone, any page reads, and none publishes (N7.7)", async () => {
  await using app = await serving((app, push) =>
    app.use("*", cors()).route("/push", push)
  );
  const url = `${app.url}/push/a`;
  const headers = { origin: PAGE };
  const read = await fetch(`${url}?transport=poll`, { headers });
  assertEquals(grants(read), ["*", null, null]);
  await read.body!.cancel();
  const refused = await publish(url, 1, headers);
  assertEquals(grants(refused), ["*", null, null]);
  const { code, detail } = await problemOf(refused);
  assertEquals([code, detail.includes(PAGE)], ["bad_origin", true]);
});
