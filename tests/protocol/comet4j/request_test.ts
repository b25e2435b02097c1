/** Comet4J 2.1 and rules 1, 6: what may be asked, and hostile requests. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "npm:fast-check@^4.10.0";
import { comet4j } from "../../../src/protocol/comet4j.ts";
import { createEngine } from "../../../src/engine.ts";
import { createRouter } from "../../../src/router.ts";
import { App } from "../../../src/deps.ts";
import { test } from "../../harness.ts";
import { EXPLORER, read, site } from "./site.ts";

test("ram, cv and parameters of one's own are taken and not looked at", async () => {
  const { browser } = site();
  const tab = browser();
  const queries = [
    "?cmd=conn",
    "?cmd=conn&cv=0.0.2&ram=0.1",
    "?cmd=conn&cv=%FF&uid=7&uid=%&x[]=1&&=&ram=NaN",
    // A start URL with a query: clients put another one behind it.
    "?channel=x?cmd=conn&cv=0.1.7&ram=0.1",
    "?cmd=conn&cmd=drop",
  ];
  for (const query of queries) {
    const response = await tab.ask(query);
    assertEquals(response.status, 200, query);
    assertEquals(read(await response.text()).channel, "c4j");
  }
});

test("POST with a form works as GET does", async () => {
  const { browser, engine } = site();
  const tab = browser();
  const post = (body: string) =>
    tab.ask("", {
      method: "POST",
      body,
      headers: {
        "content-type": "application/x-www-form-urlencoded;charset=UTF8",
      },
    });
  const conn = read(await (await post("cmd=conn&cv=0.1.7&ram=0.1")).text());
  const { cId } = conn.data;
  await engine.publish("hello", 1);
  const answer = await post(`cmd=revival&cid=${cId}`);
  assertEquals(read(await answer.text()).data, 1);
  await post(`cmd=drop&cid=${cId}`);
  assertEquals(engine.connections.size, 0);
});

test("no command, or one that is not known, is a 400 at once", async () => {
  const { browser, engine } = site();
  const queries = ["", "?", "?cmd=", "?cmd=CONN", "?cmd=kick", "?CMD=conn"];
  for (const query of queries) {
    const response = await browser().ask(query);
    assertEquals(response.status, 400, query);
  }
  const text = await (await browser().ask("?cmd=x", { method: "POST" })).text();
  assertEquals(
    text,
    "null/* invalid_request: cmd must be conn, revival or drop. */",
  );
  assertEquals(engine.connections.size, 0);
});

test("a refusal says why, and is nothing to a client that evaluates it", async () => {
  const policy = {
    allow: () => {
      throw new Error("*/ alert('x') /* %2A%2F");
    },
  };
  const told = await site({}, { policy }).browser().ask("?cmd=conn");
  assertEquals(told.status, 500);
  const { browser } = site();
  const refusals = [told, await browser().ask(""), await browser().revive("x")];
  for (const response of refusals) {
    const type = response.headers.get("content-type");
    assertEquals(type, "text/plain;charset=UTF-8");
    const text = decodeURIComponent(await response.text());
    assertMatch(text, /^null\/\* [a-z_]+: [^*]+ \*\/$/);
    assertEquals((0, eval)(`(${text})`), null);
  }
});

test("HEAD does nothing, OPTIONS is a preflight, other methods are refused", async () => {
  const { browser, engine } = site();
  const head = await browser().ask("?cmd=conn", { method: "HEAD" });
  assertEquals([head.status, await head.text()], [200, ""]);
  assertEquals(engine.connections.size, 0);
  const options = await browser().ask("?cmd=conn", { method: "OPTIONS" });
  assertEquals(options.status, 204);
  // 0.0.2 sends a Content-Type.
  const allowed = options.headers.get("access-control-allow-headers")!;
  assert(allowed.includes("content-type"));
  for (const method of ["PUT", "DELETE", "PATCH"]) {
    const response = await browser().ask("?cmd=conn", { method });
    assertEquals(response.status, 405);
    assertEquals(response.headers.get("allow"), "GET, HEAD, POST, OPTIONS");
  }
});

test("pages of another origin are let in as elsewhere", async () => {
  const origins = ["https://a.example"];
  const { browser } = site({ cookie: false }, {}, { origins });
  for (const origin of ["https://a.example", "https://b.example"]) {
    for (const query of ["?cmd=conn", "?cmd=none"]) {
      const { headers } = await browser().ask(query, { headers: { origin } });
      const allowed = headers.get("access-control-allow-origin");
      assertEquals(allowed, origin === origins[0] ? origin : null);
    }
  }
});

test("a Host that is not one of ours is refused", async () => {
  const headers = { host: "evil.example" };
  const { browser } = site({}, {}, { hosts: ["site.example"] });
  assertEquals((await browser().ask("?cmd=conn", { headers })).status, 403);
  const own = { host: "site.example:8000" };
  const response = await browser().ask("?cmd=conn", { headers: own });
  assertEquals(response.status, 200);
});

test("it may be mounted in a router, anywhere else, or alone", async () => {
  const engine = createEngine();
  const apps: [string, App][] = [
    [
      "/push/conn",
      new App().route(
        "/push",
        createRouter(engine, { protocols: [comet4j()] }),
      ),
    ],
    ["/a/b/comet", new App().route("/a/b/comet", comet4j().router(engine))],
    ["/", comet4j().router(engine) as App],
  ];
  for (const [path, app] of apps) {
    const response = await app.request(`${path}?cmd=conn`);
    assertEquals(response.status, 200, path);
    assertEquals(read(await response.text()).data.ws, "lpool");
  }
  await engine.close();
});

test("hostile requests are answered, and none with a 5xx", async () => {
  const { browser, engine, errors } = site();
  const { cid } = await browser(EXPLORER).connect();
  const value = fc.oneof(
    fc.constantFrom(
      "revival",
      "drop",
      "__proto__",
      "constructor",
      "null",
      "undefined",
      "%",
      "%00",
      "%FF",
      "%ED%A0%80",
      "..%2F",
      "<script>",
      "9".repeat(400),
      cid,
    ),
    fc.string({ maxLength: 40 }).map((text) => encodeURIComponent(text)),
    fc.string({ unit: "binary", maxLength: 8 })
      .map((text) => encodeURIComponent(text.toWellFormed())),
  );
  const name = fc.constantFrom(
    "cmd",
    "cid",
    "cv",
    "uid",
    "ram",
    "",
    "?",
    "cid[]",
  );
  const query = fc.array(fc.tuple(name, value), { maxLength: 6 })
    .map((pairs) => `?${pairs.map((pair) => pair.join("=")).join("&")}`);
  const cookie = fc.oneof(
    fc.constantFrom("comet4j=", "comet4j=%", ";;,=", "comet4j_aaaa"),
    fc.stringMatching(/^[ -~]{0,60}$/),
    fc.stringMatching(/^comet4j=[0-9A-Za-z-]{20,70}$/),
  );
  const method = fc.constantFrom("GET", "POST", "HEAD", "PUT");
  const property = fc.asyncProperty(
    fc.tuple(method, query, cookie, query),
    async ([method, query, cookie, form]) => {
      const body = method === "POST" ? form.slice(1) : null;
      const type = "application/x-www-form-urlencoded";
      const headers = { cookie, "content-type": type };
      const response = await browser("").ask(query, { method, headers, body });
      const text = await response.text();
      assert(response.status < 500, `${response.status} ${text}`);
      assert(response.status !== 408);
    },
  );
  await fc.assert(property, { numRuns: 500 });
  assert(engine.connections.has(cid));
  // Unless it be that many were asked for: that is told.
  for (const error of errors) {
    assert(String(error).includes("no session affinity"), `${error}`);
  }
});

test("bodies that are too long, cut or not UTF-8 are a 4xx", async () => {
  const { browser, engine } = site();
  const type = "application/x-www-form-urlencoded";
  const bodies: [BodyInit, number][] = [
    [`cmd=conn&x=${"x".repeat(10_000_000)}`, 413],
    [new Uint8Array([0xff, 0xfe, 0x00]), 400],
    ["cmd", 400],
  ];
  for (const [body, status] of bodies) {
    const headers = { "content-type": type };
    const response = await browser().ask("", { method: "POST", headers, body });
    assertEquals(response.status, status);
    await response.body?.cancel();
  }
  // Nobody asks for JSON; it is read to its end and not looked at.
  const json = await browser().ask("?cmd=conn", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "[".repeat(100_000),
  });
  assertEquals(json.status, 200);
  assertEquals(engine.connections.size, 1);
});
