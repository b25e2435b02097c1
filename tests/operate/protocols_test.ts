/** What operators read of the clients of Bayeux and Comet4J. */
import { assert, assertEquals } from "@std/assert";
import { createEngine } from "../../src/engine.ts";
import { bayeux } from "../../src/protocol/bayeux.ts";
import { comet4j } from "../../src/protocol/comet4j.ts";
import { OPENING } from "../../src/protocol/comet4j/stream.ts";
import { createRouter } from "../../src/router.ts";
import { manualClock, test, turn } from "../harness.ts";
import { FIREFOX, read } from "../protocol/comet4j/site.ts";

function setup() {
  const clock = manualClock();
  const policy = { allow: (_: string, name: string) => name !== "secret" };
  const engine = createEngine({ clock, policy });
  const protocols = [bayeux(), comet4j({ cookie: false })];
  const router = createRouter(engine, { protocols });
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    router.request("/cometd", {
      method: "POST",
      body: typeof body === "string" ? body : JSON.stringify(body),
      headers,
    });
  const shake = async (): Promise<string> => {
    const answer = await post({
      channel: "/meta/handshake",
      version: "1.0",
      supportedConnectionTypes: ["long-polling"],
    });
    return (await answer.json())[0].clientId;
  };
  const connect = async (userAgent: string): Promise<string> => {
    const headers = { "user-agent": userAgent };
    const answer = await router.request("/conn?cmd=conn", { headers });
    return read(await answer.text()).data.cId;
  };
  return { clock, engine, router, post, shake, connect };
}

test("refusals in Bayeux's own words are counted by the engine's codes", async () => {
  const { engine, post, shake } = setup();
  const clientId = await shake();
  await post({ channel: "/secret", clientId, data: 1 });
  await post({ channel: "/meta/subscribe", clientId, subscription: "/secret" });
  await post({ channel: "/a", clientId: "nobody", data: 1 });
  await post({ channel: "/service/x", clientId, data: 1 });
  await post({ channel: "/a/*", clientId, data: 1 });
  await post({ channel: "/a", clientId, data: "x".repeat(300_000) });
  await post({ channel: "/meta/handshake" });
  await post("[");
  await post("[]", { origin: "null" });
  assertEquals(Object.fromEntries(engine.node.counts.refusals), {
    forbidden: 2,
    not_found: 2,
    invalid_channel: 1,
    too_large: 1,
    invalid_request: 1,
    invalid_json: 1,
    bad_origin: 1,
  });
  await engine.close();
});

test("refusals by Comet4J are counted by their codes", async () => {
  const { engine, router } = setup();
  for (const query of ["cmd=x", "cmd=revival&cid=x", "cmd=revival&cid=y"]) {
    await router.request(`/conn?${query}`);
  }
  assertEquals(Object.fromEntries(engine.node.counts.refusals), {
    invalid_request: 1,
    not_found: 2,
  });
  await engine.close();
});

test("bytes are counted, whoever gets them", async () => {
  const { clock, engine, router, post, shake, connect } = setup();
  const { counts } = engine.node;
  const wrote = async (work: () => Promise<number>) => {
    const before = counts.bytes;
    const length = await work();
    assertEquals(counts.bytes - before, length);
  };
  const text = "é".repeat(1_000);
  const clientId = await shake();
  await post({ channel: "/meta/subscribe", clientId, subscription: "/a" });
  await engine.publish("a", text);
  await wrote(async () => {
    const connectionType = "long-polling";
    const channel = "/meta/connect";
    const answer = await post({ channel, clientId, connectionType });
    // Without the brackets, which are framing.
    return (await answer.arrayBuffer()).byteLength - 2;
  });
  const lpool = await connect("x");
  await engine.publish("hello", text);
  await wrote(async () => {
    const answer = await router.request(`/conn?cmd=revival&cid=${lpool}`);
    return (await answer.arrayBuffer()).byteLength;
  });
  const cid = await connect(FIREFOX);
  await wrote(async () => {
    const { body } = await router.request(`/conn?cmd=revival&cid=${cid}`);
    const reader = body!.getReader();
    let length = (await reader.read()).value!.length;
    clock.advance(OPENING);
    await engine.publish("hello", text);
    length += (await reader.read()).value!.length;
    await reader.cancel();
    return length;
  });
  await engine.close();
});

test("streams of Comet4J that lag, and those that are given up, are counted", async () => {
  const { clock, engine, router, connect } = setup();
  const { counts } = engine.node;
  const cid = await connect(FIREFOX);
  const { body } = await router.request(`/conn?cmd=revival&cid=${cid}`);
  // Nobody reads it.
  clock.advance(OPENING);
  await engine.publish("hello", 1);
  await turn();
  clock.advance(1_000);
  assertEquals([counts.behind, counts.slow], [1, 0]);
  clock.advance(30_000);
  assertEquals([counts.behind, counts.slow, engine.node.stalled], [0, 1, 1]);
  assert(!engine.connections.get(cid)?.sink);
  await body!.cancel();
  await engine.close();
});
