/** Attacks over Bayeux: what is written, named or brought along means something else. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { jwt } from "../../src/auth/jwt.ts";
import { test } from "../harness.ts";
import { problemOf } from "../http/halley.ts";
import { exchange } from "../http/sockets.ts";
import { forged, now, SECRET, token } from "../issuer.ts";
import type { Reply } from "../protocol/bayeux/peer.ts";
import { served, SHAKE, Visitor } from "../protocol/bayeux/served.ts";

/** What ends a text, a message, an array or a script, wherever such an end is seen. */
const BREAKS = [
  '"},{"channel":"/meta/connect","successful":false}]',
  '","successful":true,"advice":{"reconnect":"none"},"x":"',
  "</script><script>pwned=1</script>",
  ");pwned=1;//",
  "*/pwned=1;/*",
  "\u2028pwned=1\u2029",
  "\r\n\r\nHTTP/1.1 200 OK",
  "\0",
];

/** What the function of a script is called with, as a browser would call it. */
function run(script: string): Reply[] {
  const calls: Reply[][] = [];
  const before = Object.keys(globalThis);
  new Function("cb", script)((all: Reply[]) => calls.push(all));
  assertEquals(calls.length, 1, script);
  assertEquals(Object.keys(globalThis), before);
  return calls[0]!;
}

test("attack: Bayeux data, ids and channels that forge a message, or end its script", async () => {
  await using halley = await served({}, {}, {});
  const { cometd, engine } = halley;
  const ask = async (message: unknown) => {
    const query = new URLSearchParams({
      message: JSON.stringify(message),
      jsonp: "cb",
    });
    const headers = { "sec-fetch-site": "same-origin" };
    const response = await fetch(`${cometd}?${query}`, { headers });
    assertEquals(response.headers.get("x-content-type-options"), "nosniff");
    return run(await response.text());
  };
  const [{ clientId }] = await ask(SHAKE);
  const reader = await Visitor.welcome(cometd);
  await ask({ channel: "/meta/subscribe", clientId, subscription: "/**" });
  await reader.subscribe("/**");
  const sent: [string, unknown][] = [];
  for (const text of BREAKS) {
    const data = { [text]: [text] };
    const [reply] = await reader.send({
      channel: "/a",
      data,
      id: text,
      ext: { [text]: text },
    });
    assertEquals(reply, { channel: "/a", id: text, successful: true });
    sent.push(["/a", data]);
    // Native names may have what Bayeux names may not.
    const name = text.replace(/[\0\r\n*]/g, "+").replace(/\/+/g, "|");
    await engine.publish(name, text);
    sent.push([`/${name}`, text]);
  }
  const message = {
    channel: "/meta/connect",
    clientId,
    connectionType: "callback-polling",
  };
  const scripted = await ask(message);
  assertEquals(scripted.pop().successful, true);
  const posted = await reader.send({
    ...message,
    clientId: reader.clientId,
  });
  assertEquals(posted.pop().successful, true);
  for (const events of [scripted, posted]) {
    assertEquals(events.map(({ channel, data }) => [channel, data]), sent);
    for (const event of events) assert(!("successful" in event));
  }
});

test("attack: a header that is injected by way of a cookie, a callback or a channel", async () => {
  await using halley = await served({}, {}, { origins: ["*"] });
  const forged = "%0d%0aX-Forged:%20yes%0d%0a%0d%0aforged";
  const post = (body: string, headers = "") =>
    `POST /push/cometd HTTP/1.1\r\nHost: localhost\r\n${headers}` +
    `Content-Length: ${body.length}\r\n\r\n${body}`;
  const script = (query: string) =>
    "GET /push/cometd?" + query + " HTTP/1.1\r\nHost: localhost\r\n" +
    "Sec-Fetch-Site: same-origin\r\n\r\n";
  const shake = JSON.stringify(SHAKE);
  const requests = [
    post(shake, `Cookie: BAYEUX_BROWSER=x${forged}\r\n`),
    post(shake, `Cookie: BAYEUX_BROWSER="; Path=/x; X-Forged: yes"\r\n`),
    post(shake, `Origin: https://a.example${forged}\r\n`),
    post(JSON.stringify({ channel: `/a${forged}`, data: 1 })),
    post(JSON.stringify({ channel: "/meta/connect", clientId: forged })),
    script(`jsonp=cb${forged}&message=${encodeURIComponent(shake)}`),
    script(`jsonp=cb&message=${forged}`),
  ];
  for (const request of requests) {
    const { status, headers, body } = await exchange(halley.port, request);
    assert(status < 500, request);
    assertEquals(headers.get("x-forged"), null, request);
    assert(!/^forged/m.test(body), body);
    const cookie = headers.get("set-cookie");
    if (cookie) assertMatch(cookie, /^BAYEUX_BROWSER=\w+; Path=\/; HttpOnly;/);
  }
});

test("attack: services, sessions and channels that are keys of every object", async () => {
  await using halley = await served({}, { calls: { x: () => 1 } });
  const { cometd, engine } = halley;
  const eve = await Visitor.welcome(cometd);
  const names = ["__proto__", "constructor", "toString", "hasOwnProperty"];
  for (const name of names) {
    const call = await eve.ask(`/service/${name}`, { data: 1 });
    assertMatch(call.error, /^404:/, name);
    const session = await eve.send({ channel: "/a", clientId: name, data: 1 });
    assertMatch(session[0].error, /^402:/, name);
  }
  const data = JSON.parse('{"__proto__":{"polluted":1}}');
  const ext = JSON.parse('{"__proto__":{"ack":true}}');
  assert((await eve.ask("/a", { data, ext })).successful);
  assertEquals(({} as { polluted?: number }).polluted, undefined);
  const { frames: [frame] } = await engine.history("a");
  assertEquals(frame!.data, '{"__proto__":{"polluted":1}}');
});

/** Ways to write `/secret` so that it looks as if it lay below `/public`. */
const TRICKS = [
  "/public/../secret",
  "/public/%2e%2e/secret",
  "/public/%252e%252e/secret",
  "/public/./../secret",
  "/public//../secret",
  "//secret",
  "/./secret",
  "/secret/",
  "/%73ecret",
  "/secret%00",
  "/secret\0",
  "/secret\u2028",
  "/SECRET/../secret",
  "/public/**/../secret",
  "/public/*/secret",
  "/*",
  "/**",
  "/public/../**",
  "/$all",
  "/$*",
  "/%24all",
  "/meta/../secret",
  "/meta/subscribe/../../secret",
  "/service/../secret",
  "secret",
];

test("attack: a Bayeux channel that leaves what was granted", async () => {
  const policy = jwt({ secret: SECRET });
  await using halley = await served({ policy }, {}, {});
  const { cometd, engine } = halley;
  await engine.publish("secret", "hidden");
  const claims = { subscribe: "public/**", publish: "public/**" };
  const authorization = `Bearer ${await token(claims)}`;
  const eve = await Visitor.welcome(cometd, { authorization });
  for (const trick of TRICKS) {
    for (const subscription of [trick, ["/public/a", trick]]) {
      const reply = await eve.ask("/meta/subscribe", { subscription });
      assertEquals(reply.successful, false, trick);
    }
    const reply = await eve.ask(trick, { data: "forged" });
    assertEquals(reply.successful, false, trick);
  }
  assertEquals(engine.channels, ["secret"]);
  assert((await eve.subscribe("/public/a")).successful);
  await engine.publish("secret", "hidden");
  await engine.publish("public/a", "shown");
  assertEquals(await eve.events(), ["shown"]);
  assertEquals(engine.node.applied, 3);
});

test("attack: somebody else's session, by its id, its clientId and its cookie", async () => {
  await using halley = await served();
  const { cometd, engine } = halley;
  const ann = await Visitor.welcome(cometd, { "x-user": "ann" });
  await ann.subscribe("/ann");
  const [connection] = engine.connections.values();
  const { clientId } = ann;
  const thieves: [how: string, clientId: string, Record<string, string>][] = [
    ["its public id", connection!.id, { "x-user": "ann" }],
    ["another subject", clientId, { "x-user": "eve" }],
    ["no subject", clientId, {}],
    ["another browser", clientId, {
      "x-user": "ann",
      cookie: "BAYEUX_BROWSER=eve",
    }],
  ];
  await engine.publish("ann", "to ann");
  for (const [how, clientId, headers] of thieves) {
    const thief = new Visitor(cometd, headers);
    const replies = await thief.send(
      { channel: "/meta/connect", clientId, connectionType: "long-polling" },
      { channel: "/meta/subscribe", clientId, subscription: "/a" },
      { channel: "/a", clientId, data: "as ann" },
      { channel: "/meta/unsubscribe", clientId, subscription: "/ann" },
      { channel: "/meta/disconnect", clientId },
    );
    for (const { error } of replies) assertMatch(error, /^402:/, how);
    assertEquals(replies.length, 5, how);
  }
  assertEquals(await ann.events(), ["to ann"]);
  assertEquals(connection!.channels, ["ann"]);
});

test("attack: tokens that are none, and a ticket that is to do more than open a stream", async () => {
  const policy = jwt({ secret: SECRET, audience: "push" });
  await using halley = await served({ policy }, {}, {});
  const { cometd, engine, url } = halley;
  const claims = { sub: "eve", subscribe: "**", publish: "**", aud: "push" };
  const bad = [
    forged({ alg: "none" }, claims),
    await token({ ...claims, aud: "pull" }),
    await token({ ...claims, nbf: now() + 60 }),
    await token(claims, `${SECRET}2`),
  ];
  for (const text of bad) {
    const eve = new Visitor(cometd, { authorization: `Bearer ${text}` });
    const { error, advice } = await eve.handshake();
    assertEquals([error, advice.reconnect], ["403::Handshake denied", "none"]);
    assertMatch((await eve.ask("/a", { data: 1 })).error, /^401:/);
  }
  const good = await token(claims);
  const headers = { authorization: `Bearer ${good}` };
  const asked = await fetch(`${url}/$ticket`, { method: "POST", headers });
  const { ticket } = await asked.json();
  const message = (what: unknown) => encodeURIComponent(JSON.stringify(what));
  for (const what of [SHAKE, { channel: "/a", data: "forged" }]) {
    for (const by of [`ticket=${ticket}`, `access_token=${good}`]) {
      const query = `${by}&jsonp=cb&message=${message(what)}`;
      // As a browser that comes back would.
      const headers = {
        "last-event-id": "x-1",
        "sec-fetch-site": "same-origin",
      };
      const response = await fetch(`${cometd}?${query}`, { headers });
      const [reply] = run(await response.text());
      assertMatch(reply.error, /^40[13]:/, by);
      const posted = new Visitor(`${cometd}?${by}`);
      assertMatch((await posted.send(what))[0].error, /^40[13]:/, by);
    }
  }
  assertEquals([engine.connections.size, engine.node.applied], [0, 0]);
});

test("attack: a page of another origin calls, by a request or a script (CSRF, CORS)", async () => {
  const origins = ["https://app.example"];
  await using halley = await served({}, {}, { origins });
  const { cometd, engine } = halley;
  const what = { channel: "/a", data: "forged" };
  const query = new URLSearchParams({ message: JSON.stringify(what) });
  const foreign = ["https://evil.example", "null", "http://app.example"];
  for (const origin of foreign) {
    for (const type of ["text/plain", "application/json"]) {
      const response = await fetch(cometd, {
        method: "POST",
        headers: { origin, "content-type": type },
        body: JSON.stringify(what),
      });
      const { headers } = response;
      assertEquals(headers.get("access-control-allow-origin"), null);
      assertEquals((await problemOf(response)).code, "bad_origin");
    }
  }
  const pages: Record<string, string>[] = [
    ...foreign.map((origin) => ({ origin })),
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site", referer: "https://evil.example/" },
    { referer: "https://app.example.evil.example/" },
    // Over HTTP browsers leave all of it out if a page wants it so.
    {},
  ];
  for (const headers of pages) {
    const response = await fetch(`${cometd}?${query}`, { headers });
    assertEquals((await problemOf(response)).code, "bad_origin");
  }
  assertEquals(engine.node.applied, 0);
});
