/** Attacks: whoever cannot get in tries to keep others out. */
import { assert, assertEquals } from "@std/assert";
import { manualClock, test, turn } from "../harness.ts";
import { listen, publish, start, subscribe, until } from "../http/halley.ts";
import { exchange, Raw, readAnswer } from "../http/sockets.ts";
import { get } from "../http/target.ts";

/** Whoever a header says. */
const policy = {
  identify: (request: Request) => {
    const subject = request.headers.get("x-user");
    return subject === null ? undefined : { subject };
  },
  allow: () => true,
};
/** The other side of a proxy on this machine, which says where clients are. */
const proxy = { header: "x-forwarded-for" };
const at = (address: string) => ({ "x-forwarded-for": address });

test("attack: requests whose headers never end (slowloris)", async () => {
  await using halley = await start();
  const { port, url, engine } = halley;
  const open = await Promise.all(
    Array.from({ length: 300 }, () => Raw.open(port)),
  );
  for (const raw of open) {
    raw.send("GET /push/a HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
  }
  for (const raw of open) raw.send("x");
  const { listener } = await subscribe(`${url}/a`);
  assertEquals((await publish(`${url}/a`, 1)).status, 200);
  assertEquals(await listener.data(1), [1]);
  assertEquals(engine.connections.size, 1);
  for (const raw of open) raw.close();
  await listener.close();
});

test("attack: bodies that trickle and never end (slowloris)", async () => {
  const clock = manualClock();
  const begun: (() => void)[] = [];
  const schedule = (ring: () => void, delay: number) => {
    if (delay === 7_000) begun.push(ring);
    return clock.schedule(ring, delay);
  };
  await using halley = await start({
    clock: { now: clock.now, schedule },
    bodyTimeout: 7_000,
  });
  const { port, url, engine } = halley;
  const head = "POST /push/a HTTP/1.1\r\nHost: localhost\r\n";
  const open: Raw[] = [];
  for (let n = 0; n < 50; n++) {
    const raw = await Raw.open(port);
    raw.send(
      n % 2
        ? `${head}Content-Length: 1000\r\n\r\ntrickle`
        : `${head}Transfer-Encoding: chunked\r\n\r\n7\r\ntrickle\r\n`,
    );
    open.push(raw);
  }
  await until(() => begun.length === 50);
  const { listener } = await subscribe(`${url}/a`);
  for (const [n, raw] of open.entries()) raw.send(n % 2 ? "x" : "1\r\nx\r\n");
  clock.advance(7_000);
  for (const raw of open) {
    await raw.until(() => readAnswer(raw.bytes) !== undefined);
    const { status, body } = readAnswer(raw.bytes)!;
    assertEquals([status, JSON.parse(body).code], [408, "request_timeout"]);
    raw.close();
  }
  assertEquals(engine.node.applied, 0);
  await publish(`${url}/a`, "whole");
  assertEquals(await listener.data(1), ["whole"]);
  await listener.close();
});

test("attack: a body without end that was announced to be short (RFC 9112, 6.3)", async () => {
  await using halley = await start();
  const { port, url } = halley;
  using raw = await Raw.open(port);
  raw.send(
    "POST /push/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n" +
      "Transfer-Encoding: chunked\r\n\r\n",
  );
  const chunk = `100000\r\n${"x".repeat(1 << 20)}\r\n`;
  let megabytes = 0;
  while (!raw.ended && raw.bytes.length === 0) {
    assert(megabytes++ < 64, "no end of it is read");
    const sent = new Promise((resolve) => raw.socket.write(chunk, resolve));
    await Promise.race([sent, raw.until(() => raw.bytes.length > 0)]);
  }
  assert(!raw.text.startsWith("HTTP/1.1 2"), raw.text);
  assertEquals(halley.engine.node.applied, 0);
  assertEquals((await publish(`${url}/a`, 1)).status, 200);
});

test("attack: streams that are never read (slow reading)", async () => {
  const clock = manualClock();
  await using halley = await start({
    clock,
    writeTimeout: 5_000,
    linger: 1_000,
  });
  const { port, url, engine } = halley;
  const stalled = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const raw = await Raw.open(port);
      raw.send(get("/a"));
      await raw.until(() => raw.text.includes("heartbeat"));
      raw.socket.pause();
      return raw;
    }),
  );
  const { listener } = await subscribe(`${url}/a`);
  const data = "x".repeat(200_000);
  const full = () =>
    [...engine.connections.values()]
      .filter(({ sent }) => sent < engine.node.applied).length;
  const bytes = engine.node.settings.limits.bytes;
  for (let sent = 0; full() < 20; sent++) {
    await engine.publish("a", data);
    // Who reads gets all of it meanwhile.
    assertEquals(await listener.data(1), [data]);
    await turn();
    assert(engine.node.logs.memory <= bytes);
    assert(sent < 500, "the sockets in between swallow no end of it");
  }
  clock.advance(7_000);
  await until(() => engine.connections.size === 1);
  assertEquals(engine.node.stalled, 20);
  for (const raw of stalled) raw.close();
  await until(() => engine.node.stalled === 0);
  await engine.publish("a", "after");
  assertEquals(await listener.data(1), ["after"]);
  await listener.close();
});

test("attack: thousands of connections from one address", async () => {
  const clock = manualClock();
  const limits = { address: { connections: 100 } };
  await using halley = await start({ clock, limits }, { proxy });
  const { port, url, engine } = halley;
  const statuses = new Map<string, number>();
  const open: Raw[] = [];
  const knock = async () => {
    const raw = await Raw.open(port);
    raw.send(get("/a?transport=stream", "X-Forwarded-For: 192.0.2.66\r\n"));
    await raw.until(() => /\r\n\r\n[^]*[}\n]/.test(raw.text));
    const status = raw.text.slice(9, 12);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (status === "200") open.push(raw);
    else raw.close();
  };
  const { listener } = await subscribe(`${url}/a`, at("192.0.2.1"));
  for (let n = 0; n < 3_000; n += 100) {
    await Promise.all(Array.from({ length: 100 }, knock));
  }
  assertEquals(Object.fromEntries(statuses), { 200: 100, 429: 2_900 });
  assertEquals(engine.connections.size, 101);
  assertEquals(engine.node.meters.refused.get("address.connections"), 2_900);
  // Somebody else is let in, and nobody was thrown out.
  const other = await subscribe(`${url}/a`, at("192.0.2.2"));
  await engine.publish("a", 1);
  assertEquals(await listener.data(1), [1]);
  assertEquals(await other.listener.data(1), [1]);
  for (const raw of open) raw.close();
  await other.listener.close();
  await listener.close();
});

test("attack: connections that are opened and dropped in a loop", async () => {
  const clock = manualClock();
  const limits = { address: { opens: 20 } };
  await using halley = await start({ clock, limits, linger: 30_000 }, {
    proxy,
  });
  const { url, engine } = halley;
  const evil = at("192.0.2.66");
  let refused = 0;
  for (let n = 0; n < 1_000; n++) {
    const listener = await listen(`${url}/a`, evil);
    const first = await listener.next();
    if (first?.frame.code === "too_many_requests") refused++;
    await listener.close();
  }
  assertEquals(refused, 900);
  assert(engine.connections.size <= 100);
  assertEquals(engine.node.meters.refused.get("address.opens"), 900);
  const { listener } = await subscribe(`${url}/a`, at("192.0.2.1"));
  await listener.close();
  // What they left behind goes, and so does what was counted.
  clock.advance(60_000);
  await until(() => {
    clock.advance(1_000);
    return engine.connections.size === 0;
  });
  for (let n = 0; n < 3; n++) engine.sweep();
  assertEquals(engine.node.meters.size, 0);
});

test("attack: addresses and subjects without end, to fill the tables of limits", async () => {
  const clock = manualClock();
  const limits = {
    address: { opens: 1, publishes: 1 },
    subject: { publishes: 1 },
  };
  await using halley = await start({ policy, clock, limits }, { proxy });
  const { url, engine } = halley;
  for (let n = 0; n < 2_000; n++) {
    const address = `2001:db8:${(n >> 8).toString(16)}:${
      (n & 255).toString(16)
    }::1`;
    const headers = { "x-user": `user ${n}`, "x-forwarded-for": address };
    assertEquals((await publish(`${url}/a`, n, headers)).status, 200);
    // A second goes by for each hundred of them.
    if (n % 100 === 0) clock.advance(1_000);
  }
  const { size } = engine.node.meters;
  assert(size < 1_000, `${size} meters are left of 4,000`);
});

test("attack: a publish storm", async () => {
  const clock = manualClock();
  const limits = { subject: { publishes: 10 } };
  await using halley = await start({ policy, clock, limits });
  const { port, url, engine } = halley;
  const { listener } = await subscribe(`${url}/a`);
  const body = '{"storm":1}';
  const request =
    "POST /push/a HTTP/1.1\r\nHost: localhost\r\nX-User: eve\r\n" +
    `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const statuses: Record<number, number> = {};
  const storm = async () => {
    for (let n = 0; n < 250; n++) {
      const { status, headers } = await exchange(port, request);
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (status === 429) assert(Number(headers.get("retry-after")) >= 1);
    }
  };
  const calm = async () => {
    for (let n = 0; n < 20; n++) {
      const sent = await publish(`${url}/b`, n, { "x-user": `user ${n % 4}` });
      assertEquals(sent.status, 200);
    }
  };
  await Promise.all([...Array.from({ length: 8 }, storm), calm()]);
  assertEquals(statuses, { 200: 50, 429: 1_950 });
  assertEquals(engine.node.applied, 70);
  // All that was taken arrives, each once; nothing of what was refused does.
  await engine.publish("a", "the end");
  const got = await listener.data(51);
  assertEquals(got.at(-1), "the end");
  assertEquals(got.slice(0, 50), Array(50).fill({ storm: 1 }));
  await listener.close();
});
