/** Comet4J 2.3 and rule 2: a client connects. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { PushError } from "../../../src/errors.ts";
import { test } from "../../harness.ts";
import { EXPLORER, FIREFOX, read, site } from "./site.ts";

test("conn is answered with one frame at once, in stream mode too", async () => {
  const { browser, engine } = site({ channels: ["hello", "talker"] });
  for (const [agent, ws] of [[FIREFOX, "stream"], [EXPLORER, "lpool"]]) {
    const response = await browser(agent).ask("?cmd=conn&cv=0.1.7&ram=0.5");
    const { channel, data, time } = read(await response.text());
    assertEquals(channel, "c4j");
    const { cId, ...rest } = data;
    assert(engine.connections.has(cId));
    assertEquals(rest, { channels: ["hello", "talker"], timeout: 60_000, ws });
    assert(Math.abs(time - 1_000_000) < 5, `${time}`);
  }
});

test("timeout is told as a number: clients add to it", async () => {
  const { data } = await site({ timeout: 300_000 }).browser().connect();
  assertEquals(data.timeout + 1_000, 301_000);
});

test("nothing may keep, change or pack an answer", async () => {
  const { response } = await site().browser().connect();
  const { headers } = response;
  assertEquals(headers.get("content-type"), "text/html;charset=UTF-8");
  assertEquals(headers.get("pragma"), "no-cache");
  assertEquals(headers.get("expires"), "Thu, 01 Jan 1970 00:00:00 GMT");
  assertMatch(
    headers.get("cache-control")!,
    /no-cache.*no-store.*no-transform/,
  );
});

test("a connection follows every registered channel, and is away at first", async () => {
  const { browser, engine } = site({ channels: ["one", "two"] });
  const { cid } = await browser().connect();
  const connection = engine.connections.get(cid)!;
  assertEquals(connection.channels, ["one", "two"]);
  assertEquals(connection.transport, undefined);
  assertEquals(engine.presence("two"), [{ connection: cid }]);
});

test("a site without registered channels has clients that sendTo reaches", async () => {
  const { browser, engine } = site({ channels: [] });
  const tab = browser();
  const { cid, data } = await tab.connect();
  assertEquals(data.channels, []);
  await engine.sendTo(cid, "anything", 1);
  assertEquals((await tab.poll(cid)).data, 1);
});

test("the work style goes by the User-Agent, or is fixed", async () => {
  const agents: [string, string][] = [
    [FIREFOX, "stream"],
    [EXPLORER, "lpool"],
    ["", "lpool"],
  ];
  for (const [agent, ws] of agents) {
    const { data } = await site().browser(agent).connect();
    assertEquals(data.ws, ws, agent);
    for (const workStyle of ["stream", "lpool"] as const) {
      const { data } = await site({ workStyle }).browser(agent).connect();
      assertEquals(data.ws, workStyle);
    }
  }
});

test("names are told in lower case, as 0.1.7 forgets listeners otherwise", async () => {
  const { browser, engine } = site({ channels: ["His_Table_RRU"] });
  const tab = browser();
  const { cid, data } = await tab.connect();
  assertEquals(data.channels, ["his_table_rru"]);
  await engine.publish("His_Table_RRU", 1);
  const { channel } = await tab.poll(cid);
  assertEquals(channel, "His_Table_RRU");
});

test("what connect listeners send waits for the first revival", async () => {
  const { browser, engine } = site();
  engine.on("connect", ({ id }) => void engine.sendTo(id, "hello", "welcome"));
  const tab = browser();
  const { cid } = await tab.connect();
  assertEquals((await tab.poll(cid)).data, "welcome");
});

test("a beforeConnect listener that refuses is a 403, and nothing stays", async () => {
  const { browser, engine } = site();
  engine.on("beforeConnect", () => false);
  const response = await browser().ask("?cmd=conn");
  assertEquals(response.status, 403);
  assertEquals(response.headers.get("set-cookie"), null);
  assertEquals(engine.connections.size, 0);
});

test("a connect listener that drops its connection is a refusal", async () => {
  const { browser, engine } = site();
  engine.on("connect", ({ id }) => void engine.drop(id));
  assertEquals((await browser().ask("?cmd=conn")).status, 403);
});

test("subscribe is asked for each registered channel, and the rest is left out", async () => {
  const asked: unknown[] = [];
  const policy = {
    identify: () => ({ subject: "ann" }),
    allow: (...[action, name, identity]: unknown[]) => {
      asked.push([action, name, (identity as { subject: string }).subject]);
      return name !== "staff";
    },
  };
  const { browser } = site({ channels: ["hello", "staff"] }, { policy });
  const { data } = await browser().connect();
  assertEquals(data.channels, ["hello"]);
  assertEquals(asked, [
    ["subscribe", "hello", "ann"],
    ["subscribe", "staff", "ann"],
  ]);
});

test("who may follow none of the channels is refused", async () => {
  const policy = { allow: () => false };
  const { browser, engine } = site({}, { policy });
  assertEquals((await browser().ask("?cmd=conn")).status, 401);
  assertEquals(engine.connections.size, 0);
});

test("a token that is not valid is a 401", async () => {
  const identify = () => {
    throw new PushError("unauthorized");
  };
  const { browser } = site({}, { policy: { identify } });
  assertEquals((await browser().ask("?cmd=conn")).status, 401);
});

test("a full server says so, and an engine that is closed", async () => {
  const { browser, engine } = site({}, { limits: { connections: 1 } });
  await browser().connect();
  assertEquals((await browser().ask("?cmd=conn")).status, 503);
  await engine.close();
  assertEquals((await browser().ask("?cmd=conn")).status, 503);
});

test("a policy that fails is a 500, and its operator is told", async () => {
  const failure = new Error("no database");
  const { browser, errors } = site({}, {
    policy: { identify: () => Promise.reject(failure) },
  });
  assertEquals((await browser().ask("?cmd=conn")).status, 500);
  assertEquals(errors, [failure]);
});
