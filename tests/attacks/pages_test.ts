/** Attacks: web pages that use a visitor's browser. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { jwt } from "../../src/auth/jwt.ts";
import { test } from "../harness.ts";
import { standalone } from "../http/child.ts";
import { type Halley, start, subscribe } from "../http/halley.ts";
import { type Answer, exchange } from "../http/sockets.ts";
import { SECRET, token } from "../issuer.ts";

const APP = "https://app.example";
const claims = { subscribe: "**", publish: "**", presence: "**", send: "**" };
const cookie = `__Host-t=${await token(claims)}`;

function halley(origins?: string[]): Promise<Halley> {
  const policy = jwt({ secret: SECRET, cookie: "__Host-t" });
  return start({ policy }, origins ? { origins } : {});
}

/** A request as a browser sends it for a page: with the visitor's cookie. */
function ask(
  port: number,
  method: string,
  path: string,
  headers: Record<string, string>,
): Promise<Answer> {
  const all = { host: `127.0.0.1:${port}`, cookie, ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`);
  const body = method === "POST" ? "x" : "";
  lines.push(`content-length: ${body.length}`);
  return exchange(
    port,
    `${method} ${path.startsWith("/") ? path : `/push/${path}`} HTTP/1.1\r\n${
      lines.join("\r\n")
    }\r\n\r\n${body}`,
  );
}

/** Origins that are not `APP`, however much they look like it. */
const FOREIGN = [
  "https://evil.example",
  "null",
  "https://app.example.evil.example",
  "https://evilapp.example",
  "http://app.example",
  "https://app.example:444",
  "https://app.example.",
  "https://app.example@evil.example",
  "https://APP.example",
  "app.example",
  "https://app.exampl",
  "https://xn--pp-8cd.example",
  "file://",
  "https://*",
  "*",
];

test("attack: a page of another origin publishes with the visitor's cookie (CSRF)", async () => {
  await using server = await halley([APP]);
  const { port, engine, url } = server;
  const { listener, open } = await subscribe(`${url}/a`, { cookie });
  // Types that a form or a simple request may have, which no preflight precedes.
  const types = [
    "text/plain",
    "application/x-www-form-urlencoded",
    "text/plain; application/json",
    "application/json",
  ];
  const paths = [
    "a",
    "a?to=*",
    `a?to=${open.connection}`,
    "$ticket",
    `$leave?key=${open.key}`,
  ];
  for (const origin of FOREIGN) {
    for (const path of paths) {
      for (const type of types) {
        const { status, body } = await ask(port, "POST", path, {
          origin,
          "content-type": type,
          referer: `${APP}/`,
        });
        assertEquals(
          [status, JSON.parse(body).code],
          [403, "bad_origin"],
          origin,
        );
      }
    }
  }
  assertEquals(engine.node.applied, 0);
  assert(engine.connections.get(open.connection)?.sink);
  assertEquals((await ask(port, "POST", "a", { origin: APP })).status, 200);
  assertEquals(await listener.data(1), ["x"]);
  await listener.close();
});

test("attack: a GET that publishes, by parameters or headers that change its method", async () => {
  await using server = await halley();
  const { port, engine } = server;
  for (const query of ["_method=POST", "method=post&data=x", "x=1"]) {
    const path = `a?transport=poll&${query}`;
    const answer = await ask(port, "GET", path, {
      "x-http-method-override": "POST",
      "x-method-override": "POST",
    });
    assertEquals(answer.status, 200);
  }
  assertEquals(engine.node.applied, 0);
});

test("attack: a page of another origin reads with the visitor's cookie (CORS)", async () => {
  await using server = await halley([APP]);
  const { port } = server;
  const grants = async (origin: string, method: string) => {
    const { headers } = await ask(port, method, "a?transport=poll", {
      origin,
      "access-control-request-method": "GET",
    });
    return [
      headers.get("access-control-allow-origin"),
      headers.get("access-control-allow-credentials"),
    ];
  };
  for (const method of ["GET", "HEAD", "OPTIONS"]) {
    for (const origin of FOREIGN) {
      assertEquals(await grants(origin, method), [null, null], origin);
    }
    assertEquals(await grants(APP, method), [APP, "true"]);
  }
  await using open = await halley(["*"]);
  for (const origin of FOREIGN.filter((each) => each !== "null")) {
    const { headers } = await ask(open.port, "GET", "a?transport=poll", {
      origin,
    });
    assertEquals(headers.get("access-control-allow-credentials"), null);
  }
});

/** What a page asks whose name was made to point to this machine. */
const EVERYTHING: [method: string, path: string][] = [
  ["GET", "a"],
  ["GET", "a?transport=poll"],
  ["HEAD", "a"],
  ["OPTIONS", "a"],
  ["POST", "a"],
  ["POST", "$leave?key=KKKKKKKKKKKKKKKKKKKKKKKK"],
  ["POST", "$ticket"],
  ["GET", "$presence?channel=a"],
  ["POST", "/cometd"],
  ["GET", "/cometd/connect?message=[]"],
  ["OPTIONS", "/bayeux"],
  ["GET", "/conn?cmd=conn"],
  ["GET", "/conn?cmd=drop&cid=KKKKKKKKKKKKKKKKKKKKKK"],
];

/** Names that are not this machine's, though they lead here. */
const REBOUND = [
  "evil.example",
  "evil.example:80",
  "localhost.evil.example",
  "127.0.0.1.evil.example",
  "evil.localhost",
  "127.0.0.2",
  "0.0.0.0",
  "localhost.",
  "2130706433",
];

test("attack: a page whose name points to this machine (DNS rebinding)", async () => {
  await using server = await standalone();
  const { port } = server;
  for (const host of REBOUND) {
    for (const [method, path] of EVERYTHING) {
      // To the browser it is the page's own host, so nothing else is in the way.
      const headers = { host, origin: `http://${host}` };
      const answer = await ask(port, method, path, headers);
      assertEquals(answer.status, 403, `${method} ${path} ${host}`);
      if (method !== "HEAD") assertMatch(answer.body, /\bbad_origin\b/);
    }
    const metrics = await ask(port, "GET", "/metrics", { host });
    assertEquals(metrics.status, 404, host);
  }
  const own = { host: `localhost:${port}`, origin: `http://localhost:${port}` };
  assertEquals((await ask(port, "POST", "a", own)).status, 200);
  assertEquals((await ask(port, "GET", "/metrics", own)).status, 200);
});
