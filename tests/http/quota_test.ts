/** PROTOCOL N13: quotas of connections, subjects and addresses. */
import { assert, assertEquals } from "@std/assert";
import { connect } from "node:net";
import { memory } from "../../src/backplane.ts";
import type { Callers } from "../../src/http.ts";
import type { EngineOptions } from "../../src/options.ts";
import { manualClock, test } from "../harness.ts";
import {
  listen,
  poll,
  problemOf,
  publish,
  start,
  subscribe,
  until,
} from "./halley.ts";
import { exchange, Raw, readAnswer } from "./sockets.ts";

/** Whoever a header says; nobody without. */
const policy = {
  identify: (request: Request) => {
    const subject = request.headers.get("x-user");
    return subject === null ? undefined : { subject };
  },
  allow: () => true,
};
const ann = { "x-user": "ann" };
const bob = { "x-user": "bob" };

/** A server whose clock stands still. */
async function halley(limits: EngineOptions["limits"], callers?: Callers) {
  const clock = manualClock();
  const server = await start({ policy, clock, limits: limits! }, callers);
  return { ...server, clock };
}

async function refused(
  response: Response | Promise<Response>,
): Promise<string> {
  const answer = await response;
  assert(Number(answer.headers.get("retry-after")) >= 1);
  const { status, code, detail } = await problemOf(answer);
  assertEquals([status, code], [429, "too_many_requests"]);
  return detail.replace(/^The limit (.*) is reached.*/, "$1");
}

test("a subject with too many connections is refused, and evicts nobody (N13.1)", async () => {
  await using server = await halley({ subject: { connections: 2 } });
  const { url, engine } = server;
  const first = await subscribe(`${url}/a`, ann);
  const { key } =
    await (await fetch(`${url}/a?transport=poll`, { headers: ann })).json();
  const before = [...engine.connections.keys()];
  const stream = fetch(`${url}/a?transport=stream`, { headers: ann });
  assertEquals(await refused(stream), "subject.connections");
  const events = await listen(`${url}/a`, ann);
  assertEquals(events.response.status, 200);
  const [{ frame }] = await events.rest() as [
    { frame: { code: string; after: number } },
  ];
  assertEquals(frame.code, "too_many_requests");
  assert(frame.after >= 1_000 && events.retry === frame.after);
  assertEquals([...engine.connections.keys()], before);
  // Others are let in, and so is who comes back.
  const other = await subscribe(`${url}/a`, bob);
  const back = await subscribe(`${url}/a`, { ...ann, "push-key": key });
  await publish(`${url}/a`, 1);
  for (const { listener } of [first, other, back]) {
    assertEquals(await listener.data(1), [1]);
  }
  // A place that is given up is free.
  await fetch(`${url}/$leave?key=${key}`, { method: "POST", headers: ann });
  const next = await subscribe(`${url}/a`, ann);
  for (const { listener } of [first, other, back, next]) await listener.close();
  assertEquals(engine.node.meters.refused.get("subject.connections"), 2);
});

test("a crowd of one subject that comes at once stays within its quota (N13.1)", async () => {
  const inner = memory();
  const top = async () => {
    await new Promise((resolve) => setTimeout(resolve));
    return inner.top();
  };
  await using server = await start({
    policy,
    backplane: { ...inner, top },
    limits: { subject: { connections: 3 } },
  });
  await until(() => server.engine.node.epoch !== "");
  const open = async (n: number) => {
    const query = n % 2 ? "" : "&since=other-1";
    const url = `${server.url}/a?transport=stream${query}`;
    const response = await fetch(url, { headers: ann });
    await response.body!.getReader().read();
    return response.status;
  };
  const statuses = await Promise.all(
    Array.from({ length: 20 }, (_, n) => open(n)),
  );
  assertEquals(statuses.filter((status) => status === 200).length, 3);
  assertEquals(server.engine.connections.size, 3);
});

test("a subject's channels are counted over all its connections (N13.1)", async () => {
  await using server = await halley({ subject: { channels: 3 } });
  const { url } = server;
  const two = await subscribe(`${url}?channel=a&channel=b`, ann);
  const more = (query: string, headers: Record<string, string> = ann) =>
    fetch(`${url}?transport=poll&${query}`, { headers });
  assertEquals(await refused(more("channel=a&channel=c")), "subject.channels");
  assertEquals((await more("channel=a&channel=c", bob)).status, 200);
  assertEquals((await more("channel=c")).status, 200);
  assertEquals(await refused(more("channel=d")), "subject.channels");
  const key = { ...ann, "push-key": two.open.key };
  assertEquals((await more("channel=d", key)).status, 200);
  assertEquals((await more("channel=e")).status, 200);
  await two.listener.close();
});

test("publishes are counted per connection and per subject, five seconds' worth at once (N13.2)", async () => {
  await using server = await halley({
    connection: { publishes: 1 },
    subject: { publishes: 2 },
  });
  const { url, clock, engine } = server;
  const { listener, open } = await subscribe(`${url}/a`, ann);
  const keyed = { ...ann, "push-key": open.key };
  for (let n = 0; n < 5; n++) {
    assertEquals((await publish(`${url}/a`, n, keyed)).status, 200);
  }
  assertEquals(
    await refused(publish(`${url}/a`, 5, keyed)),
    "connection.publishes",
  );
  for (let n = 5; n < 10; n++) {
    assertEquals((await publish(`${url}/a`, n, ann)).status, 200);
  }
  assertEquals(
    await refused(publish(`${url}/a`, 10, ann)),
    "subject.publishes",
  );
  assertEquals((await publish(`${url}/a`, 10, bob)).status, 200);
  clock.advance(1_000);
  assertEquals((await publish(`${url}/a`, 11, keyed)).status, 200);
  assertEquals(await listener.data(12), [...Array(12).keys()]);
  assertEquals(engine.node.applied, 12);
  await listener.close();
});

test("bytes are counted, however they are sent (N13.2)", async () => {
  await using server = await halley({ subject: { bytes: 1_000 } });
  const { url, clock } = server;
  const big = "€".repeat(2_000);
  assertEquals((await publish(`${url}/a`, big, ann)).status, 200);
  assertEquals(await refused(publish(`${url}/a`, "", ann)), "subject.bytes");
  assertEquals((await publish(`${url}/a`, big, bob)).status, 200);
  clock.advance(2_000);
  const chunks = "HTTP/1.1\r\nHost: localhost\r\nX-User: ann\r\n" +
    `Transfer-Encoding: chunked\r\n\r\n1770\r\n${big}\r\n0\r\n\r\n`;
  const sent = await exchange(server.port, `POST /push/a ${chunks}`);
  assertEquals(sent.status, 200);
  assertEquals(await refused(publish(`${url}/a`, "", ann)), "subject.bytes");
  // One that is refused for its size uses up nothing.
  const other = { "x-user": "eve" };
  assertEquals(
    (await publish(`${url}/a`, "x".repeat(300_000), other)).status,
    413,
  );
  assertEquals((await publish(`${url}/a`, "", other)).status, 200);
});

test("opens are counted, those that are refused included; polls that come back are none (N13.2)", async () => {
  await using server = await halley({ address: { opens: 1 } });
  const { url, engine, clock } = server;
  const { key, id } = await poll(`${url}/a`);
  for (let n = 0; n < 20; n++) {
    await poll(`${url}/a`, { key, since: id!, wait: "0" });
  }
  for (let n = 0; n < 4; n++) {
    const { listener } = await subscribe(`${url}/a`);
    await listener.close();
  }
  const size = engine.connections.size;
  const stream = fetch(`${url}/a?transport=stream&key=${key}`);
  assertEquals(await refused(stream), "address.opens");
  assertEquals(
    await refused(fetch(`${url}/$presence?channel=a`)),
    "address.opens",
  );
  const events = await listen(`${url}/a`);
  assertEquals((await events.frame("close")).code, "too_many_requests");
  assertEquals(engine.connections.size, size);
  clock.advance(1_000);
  const { listener } = await subscribe(`${url}/a`);
  await listener.close();
});

test("when to come back is a whole number of ms, whatever the rate (N4, N13.2)", async () => {
  await using server = await halley({ address: { opens: 0.7 } });
  const { url } = server;
  for (let n = 0; n < 4; n++) await poll(`${url}/a`);
  const events = await listen(`${url}/a`);
  const { after } = await events.frame("close");
  assert(Number.isInteger(after), `${after}`);
  assertEquals(events.retry, after);
  await events.close();
});

/** A request from another address of this machine. */
async function from(localAddress: string, port: number, request: string) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({ port, host: "127.0.0.1", localAddress }, resolve);
  socket.once("error", reject);
  await promise;
  using raw = new Raw(socket);
  raw.send(request);
  await raw.until(() => readAnswer(raw.bytes) !== undefined);
  return readAnswer(raw.bytes)!;
}

const GET = "GET /push/a?transport=poll HTTP/1.1\r\nHost: localhost\r\n";

test("connections are counted by the address at the other end of the socket (N13.3)", async () => {
  await using server = await halley({ address: { connections: 2 } });
  const ask = (address: string) => from(address, server.port, `${GET}\r\n`);
  for (const address of ["127.0.0.2", "127.0.0.3"]) {
    const statuses = [];
    for (let n = 0; n < 3; n++) statuses.push((await ask(address)).status);
    assertEquals(statuses, [200, 200, 429], address);
  }
  // What a client says of itself is not believed.
  const lie =
    `${GET}X-Forwarded-For: 192.0.2.7\r\nForwarded: for=192.0.2.7\r\n\r\n`;
  assertEquals((await from("127.0.0.2", server.port, lie)).status, 429);
});

test("behind a proxy that is believed, connections are counted by what it says (N13.3)", async () => {
  const proxy = { header: "x-forwarded-for" };
  await using server = await halley({ address: { connections: 1 } }, { proxy });
  const ask = async (said: string) => {
    const header = `X-Forwarded-For: ${said}\r\n`;
    return (await exchange(server.port, `${GET}${header}\r\n`)).status;
  };
  assertEquals(await ask("192.0.2.1"), 200);
  assertEquals(await ask("192.0.2.1"), 429);
  assertEquals(await ask("203.0.113.5, 192.0.2.1"), 429);
  assertEquals(await ask("192.0.2.1, 192.0.2.2"), 200);
  assertEquals(await ask("2001:db8::1"), 200);
  assertEquals(await ask("2001:db8::ffff:2"), 429);
});
