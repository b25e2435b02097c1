/** Attacks over Comet4J, whose clients evaluate what they get, and are known by a `cid`. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { jwt } from "../../src/auth/jwt.ts";
import type { EngineOptions } from "../../src/options.ts";
import { comet4j, type Comet4jOptions } from "../../src/protocol/comet4j.ts";
import type { RouterOptions } from "../../src/router.ts";
import { manualClock, test } from "../harness.ts";
import { start, subscribe, until } from "../http/halley.ts";
import { exchange, Raw, readAnswer } from "../http/sockets.ts";
import { forged, now, SECRET, token } from "../issuer.ts";
import { FIREFOX, read } from "../protocol/comet4j/site.ts";

const EVIL = { "x-forwarded-for": "192.0.2.66" };

async function served(
  engine: EngineOptions = {},
  options: Comet4jOptions = {},
  router: RouterOptions = { proxy: { header: "x-forwarded-for" } },
) {
  const clock = manualClock();
  const protocols = [comet4j(options)];
  const halley = await start({ clock, ...engine }, { ...router, protocols });
  const conn = `${halley.url}/conn`;
  const ask = (query: string, headers: Record<string, string> = {}) =>
    fetch(`${conn}?${query}`, { headers: { "user-agent": "x", ...headers } });
  const connect = async (headers: Record<string, string> = {}) => {
    const response = await ask("cmd=conn", headers);
    assertEquals(response.status, 200);
    const cookie = response.headers.get("set-cookie")?.split(";")[0] ?? "";
    const cid: string = read(await response.text()).data.cId;
    return { cid, cookie };
  };
  return { ...halley, clock, ask, connect };
}

/** What ends a text, a frame, a comment or a program, wherever such an end is seen. */
const BREAKS = [
  '"});pwned=1;({"x":"',
  "><%7B%22channel%22%3A%22c4j%22%7D>",
  "%22%7D);pwned=1//",
  "*/pwned=1;/*",
  "</script><script>pwned=1</script>",
  "\u2028pwned=1\u2029",
  "'+(pwned=1)+'",
  "\r\n\r\nHTTP/1.1 200 OK",
  "\0",
];

/** As clients do it. */
function evaluate(text: string): unknown {
  const before = Object.keys(globalThis);
  const value = (0, eval)(`(${text})`);
  assertEquals(Object.keys(globalThis), before, text);
  return value;
}

test("attack: data and names that end a frame, or become a program where it is evaluated", async () => {
  await using halley = await served();
  const { ask, connect, engine } = halley;
  const { cid, cookie } = await connect();
  for (const text of BREAKS) {
    const data = { [text]: text };
    const name = text.replace(/[\0\r\n*]/g, "+").replace(/\/+/g, "|");
    await engine.sendTo(cid, name, data);
    const answer = await ask(`cmd=revival&cid=${cid}`, { cookie });
    const body = await answer.text();
    assertMatch(body, /^<[A-Za-z0-9\-_.!~*'()%]+>$/);
    const frame = evaluate(decodeURIComponent(body.slice(1, -1)));
    const { channel, data: got } = frame as { channel: string; data: unknown };
    assertEquals([channel, got], [name, data]);
  }
});

test("attack: a refusal that becomes a program, a header that is injected", async () => {
  await using halley = await served({}, {}, {
    hosts: ["localhost"],
    origins: ["*"],
  });
  const forged = "%0d%0aX-Forged:%20yes%0d%0a%0d%0aforged";
  const get = (query: string, headers = "", host = "localhost") =>
    `GET /push/conn?${query} HTTP/1.1\r\nHost: ${host}\r\n${headers}\r\n`;
  const secret = "comet4j=aaaaaaaaaaaaaaaaaaaaaaaa";
  const requests = [
    get("cmd=*/);pwned=1;(/*"),
    get("cmd=conn", "", "*);pwned=1;(*"),
    get("cmd=revival&cid=*/);pwned=1;(/*"),
    get(`cmd=${forged}`),
    get(`cmd=revival&cid=${forged}`),
    get("cmd=conn", `Cookie: ${secret}${forged}\r\n`),
    get("cmd=conn", `Cookie: ${secret}; Path=/x; X-Forged=yes\r\n`),
    get("cmd=conn", `Origin: https://a.example${forged}\r\n`),
  ];
  for (const request of requests) {
    const { status, headers, body } = await exchange(halley.port, request);
    assert(status < 500, request);
    assertEquals(headers.get("x-forged"), null, request);
    assert(!/^forged/m.test(body), body);
    // 0.0.2 evaluates whatever it gets.
    if (status >= 400) assertEquals(evaluate(decodeURIComponent(body)), null);
    const cookie = headers.get("set-cookie");
    if (!cookie) continue;
    assertMatch(
      cookie,
      /^comet4j\w*=[0-9A-Za-z]+; Path=\/; HttpOnly; SameSite/,
    );
  }
});

test("attack: somebody else's cid, with another's cookie, and of a client of another protocol", async () => {
  await using halley = await served();
  const { ask, connect, engine, url } = halley;
  const ann = await connect();
  const eve = await connect();
  const { listener, open } = await subscribe(`${url}/hello`);
  await engine.publish("hello", "to ann too");
  const { key } = engine.connections.get(ann.cid)!;
  const cids = [ann.cid, key, open.connection, open.key, "__proto__", ""];
  for (const cid of cids) {
    for (const cookie of ["", eve.cookie, "comet4j=constructor"]) {
      const query = `cid=${cid}`;
      const revival = await ask(`cmd=revival&${query}`, { cookie });
      assertEquals(revival.status, 404, cid);
      await revival.body?.cancel();
      await (await ask(`cmd=drop&${query}`, { cookie })).body?.cancel();
    }
  }
  assertEquals(engine.connections.size, 3);
  const { cid, cookie } = ann;
  const poll = await ask(`cmd=revival&cid=${cid}`, { cookie });
  assertEquals(read(await poll.text()).data, "to ann too");
  assertEquals(await listener.data(1), ["to ann too"]);
  await listener.close();
});

test("attack: tokens that are none, and a ticket that is to do more than open a stream", async () => {
  const policy = jwt({ secret: SECRET });
  await using halley = await served({ policy });
  const { ask, engine, url } = halley;
  const claims = { sub: "eve", subscribe: "**" };
  const good = await token(claims);
  const authorization = `Bearer ${good}`;
  const headers = { authorization };
  const asked = await fetch(`${url}/$ticket`, { method: "POST", headers });
  const { ticket } = await asked.json();
  const attempts: [string, Record<string, string>][] = [
    ["", {}],
    ["", { authorization: `Bearer ${forged({ alg: "none" }, claims)}` }],
    ["", { authorization: `Bearer ${await token({ nbf: now() + 60 })}` }],
    [`&access_token=${good}`, {}],
    [`&ticket=${ticket}`, {}],
    [`&ticket=${ticket}`, { "last-event-id": "x-1" }],
  ];
  for (const [query, headers] of attempts) {
    const response = await ask(`cmd=conn${query}`, headers);
    assertEquals(response.status, 401, query);
    await response.body?.cancel();
  }
  assertEquals(engine.connections.size, 0);
});

test("attack: a page of another origin begins and ends connections, whatever it loads (CSRF)", async () => {
  const origins = ["https://app.example"];
  await using halley = await served({}, { cookie: false }, { origins });
  const { ask, connect, engine, url } = halley;
  const own = [
    {},
    { "sec-fetch-site": "same-origin" },
    { "sec-fetch-site": "none" },
    { "sec-fetch-site": "cross-site", origin: "https://app.example" },
    { origin: url.replace("/push", "") },
  ] as Record<string, string>[];
  const foreign = [
    { origin: "https://evil.example" },
    { origin: "null" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { "sec-fetch-site": "cross-site", referer: "https://evil.example/" },
  ] as Record<string, string>[];
  for (const headers of own) await connect(headers);
  const before = [...engine.connections.keys()];
  for (const headers of foreign) {
    for (const command of ["conn", "revival", "drop"]) {
      const query = `cmd=${command}&cid=${before[0]}`;
      const response = await ask(query, headers);
      assertEquals(response.status, 403, JSON.stringify(headers));
      const allowed = response.headers.get("access-control-allow-origin");
      assertEquals(allowed, null);
      assertMatch(await response.text(), /^null\/\* bad_origin: /);
    }
  }
  assertEquals([...engine.connections.keys()], before);
});

test("attack: thousands of connections from one address, begun and dropped in a loop", async () => {
  await using halley = await served(
    { limits: { address: { connections: 100, opens: 100 } } },
    { cookie: false, connExpires: 60_000 },
  );
  const { ask, connect, engine, clock } = halley;
  const there = await connect({ "x-forwarded-for": "192.0.2.1" });
  let refused = 0;
  for (let n = 0; n < 1_000; n += 50) {
    await Promise.all(Array.from({ length: 50 }, async () => {
      const { status, body } = await ask("cmd=conn", EVIL);
      await body?.cancel();
      if (status === 429) refused++;
      else assertEquals(status, 200);
    }));
  }
  assertEquals([refused, engine.connections.size], [900, 101]);
  clock.advance(10_000);
  // With every one that goes another may come, a hundred a second.
  for (const cid of [...engine.connections.keys()].slice(1)) {
    await (await ask(`cmd=drop&cid=${cid}`, EVIL)).body?.cancel();
  }
  let begun = 0;
  for (let n = 0; n < 600; n++) {
    const response = await ask("cmd=conn", EVIL);
    const text = await response.text();
    if (response.status !== 200) continue;
    begun++;
    await (await ask(`cmd=drop&cid=${read(text).data.cId}`)).body?.cancel();
  }
  assertEquals([begun, engine.connections.size], [500, 1]);
  await engine.publish("hello", 1);
  const poll = await ask(`cmd=revival&cid=${there.cid}`);
  assertEquals(read(await poll.text()).data, 1);
});

test("attack: forms that trickle and never end, and streams that are never read (slowloris)", async () => {
  const clock = manualClock();
  let begun = 0;
  const schedule = (ring: () => void, delay: number) => {
    if (delay === 7_000) begun++;
    return clock.schedule(ring, delay);
  };
  await using halley = await served({
    clock: { now: clock.now, schedule },
    bodyTimeout: 7_000,
    writeTimeout: 5_000,
  }, { cookie: false, connExpires: 1_000, connFrequency: 0 });
  const { connect, engine, port } = halley;
  const open = await Promise.all(Array.from({ length: 20 }, async () => {
    const raw = await Raw.open(port);
    raw.send(
      "POST /push/conn HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n" +
        "Content-Type: application/x-www-form-urlencoded\r\n\r\ncmd=",
    );
    return raw;
  }));
  await until(() => begun === 20);
  clock.advance(7_000);
  for (const raw of open) {
    await raw.until(() => readAnswer(raw.bytes) !== undefined);
    // Not 408, for which clients come again.
    assertEquals(readAnswer(raw.bytes)!.status, 400);
    raw.close();
  }
  const { cid } = await connect({ "user-agent": FIREFOX });
  const raw = await Raw.open(port);
  raw.send(
    `GET /push/conn?cmd=revival&cid=${cid} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  );
  await raw.until(() => raw.text.includes("%24open"));
  raw.socket.pause();
  const connection = engine.connections.get(cid)!;
  // Each answer takes 256 KiB of it at most; the kernel more than that.
  for (let n = 0; connection.sink && n < 100; n++) {
    await engine.publish("hello", "x".repeat(20_000));
    clock.advance(1_000);
  }
  assert(!connection.sink);
  clock.advance(7_000);
  assertEquals(engine.connections.size, 0);
  assert(engine.node.logs.memory <= engine.node.settings.limits.bytes);
  raw.close();
});
