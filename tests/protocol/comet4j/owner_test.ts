/** Whose a connection is: the `cid` is public, so a cookie and the subject count too. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { test } from "../../harness.ts";
import { site } from "./site.ts";

test("conn sets a cookie that no page can read, and revival needs it", async () => {
  const { browser, engine } = site();
  const tab = browser();
  const { cid, response } = await tab.connect();
  const [cookie] = response.headers.getSetCookie();
  assertMatch(
    cookie!,
    /^comet4j_\w{4}=[0-9A-Za-z]{24}; Path=\/; HttpOnly; SameSite=Lax$/,
  );
  await engine.publish("hello", "private");
  const other = browser();
  await other.connect();
  for (const thief of [browser(), other]) {
    assertEquals((await thief.revive(cid)).status, 404);
    assertEquals((await thief.drop(cid)).status, 200);
  }
  assert(engine.connections.has(cid));
  assertEquals((await tab.poll(cid)).data, "private");
  await tab.drop(cid);
  assert(!engine.connections.has(cid));
});

test("a connection's key is in no answer", async () => {
  const { browser, engine } = site();
  const tab = browser();
  const { cid, data, response } = await tab.connect();
  const { key } = engine.connections.get(cid)!;
  const shown = JSON.stringify([data, ...response.headers]);
  assert(!shown.includes(key));
  assertEquals((await tab.revive(key)).status, 404);
});

test("the tabs of a browser have one secret, and a connection each", async () => {
  const { browser, engine } = site();
  const tabs = browser();
  const one = await tabs.connect();
  const two = await tabs.connect();
  assertEquals(tabs.cookies.size, 1);
  await engine.sendTo(one.cid, "own", 1);
  await engine.sendTo(two.cid, "own", 2);
  assertEquals((await tabs.poll(two.cid)).data, 2);
  assertEquals((await tabs.poll(one.cid)).data, 1);
});

test("tabs that begin at the same time do not take each other's secret away", async () => {
  const { browser, engine } = site();
  const tabs = browser();
  // Both ask before either is answered, so neither has a cookie yet.
  const [one, two] = await Promise.all([tabs.connect(), tabs.connect()]);
  assertEquals(tabs.cookies.size, 2);
  await engine.publish("hello", 1);
  for (const { cid } of [one, two]) {
    assertEquals((await tabs.poll(cid)).data, 1);
  }
});

test("a secret that a proxy brings with the first request is kept", async () => {
  const { browser } = site();
  const tab = browser();
  tab.cookies.set("comet4j", "0123456789abcdef0123456789abcdef");
  const { response } = await tab.connect();
  assertMatch(
    response.headers.get("set-cookie")!,
    /^comet4j=0123456789abcdef0123456789abcdef; /,
  );
});

test("without cookies the cid is enough", async () => {
  const { browser, engine } = site({ cookie: false });
  const { cid, response } = await browser().connect();
  assertEquals(response.headers.get("set-cookie"), null);
  await engine.publish("hello", 1);
  assertEquals((await browser().poll(cid)).data, 1);
});

test("a connection of another subject is not found", async () => {
  let subject: string | undefined = "ann";
  const policy = { identify: () => subject ? { subject } : undefined };
  const { browser, engine } = site({ cookie: false }, { policy });
  const { cid } = await browser().connect();
  assertEquals(engine.connections.get(cid)!.identity, { subject: "ann" });
  for (subject of ["bob", undefined]) {
    assertEquals((await browser().revive(cid)).status, 404);
    await browser().drop(cid);
  }
  assert(engine.connections.has(cid));
  subject = "ann";
  await engine.publish("hello", 1);
  assertEquals((await browser().poll(cid)).data, 1);
});

test("one client's message never goes to another", async () => {
  const { browser, engine } = site();
  const clients = await Promise.all(
    Array.from({ length: 20 }, async (_, n) => {
      const tab = browser();
      const { cid } = await tab.connect();
      return { tab, cid, n };
    }),
  );
  for (let round = 0; round < 5; round++) {
    const polls = clients.map(({ tab, cid }) => tab.poll(cid));
    await Promise.all(
      clients.map(({ cid, n }) => engine.sendTo(cid, "own", [n, round])),
    );
    const data = (await Promise.all(polls)).map(({ data }) => data);
    assertEquals(data, clients.map(({ n }) => [n, round]));
  }
});
