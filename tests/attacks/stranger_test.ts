/** Attacks: somebody who may do nothing takes part, or takes the room of others. */
import { assertEquals } from "@std/assert";
import { jwt } from "../../src/auth/jwt.ts";
import { comet4j } from "../../src/protocol/comet4j.ts";
import { bayeux } from "../../src/protocol/bayeux.ts";
import { manualClock, test } from "../harness.ts";
import { problemOf, publish, start, subscribe } from "../http/halley.ts";
import { bearer, SECRET } from "../issuer.ts";
import { served, SHAKE, Visitor } from "../protocol/bayeux/served.ts";

test("attack: without a token, over every protocol and in every way", async () => {
  const clock = manualClock();
  const policy = jwt({ secret: SECRET, clock });
  const protocols = [bayeux(), comet4j({ channels: ["a"] })];
  await using halley = await start({ policy, clock }, { protocols });
  const { url, engine } = halley;
  const post = (path: string) => fetch(`${url}/${path}`, { method: "POST" });
  const asked = [
    fetch(`${url}/a`),
    fetch(`${url}/a?transport=poll`),
    fetch(`${url}/$presence?channel=a`),
    publish(`${url}/a`, 1),
    publish(`${url}/a?to=*`, 1),
    post("$ticket"),
    post(`$leave?key=${"k".repeat(24)}`),
  ];
  for (const response of await Promise.all(asked)) {
    assertEquals((await problemOf(response)).code, "unauthorized");
  }
  const comet = await fetch(`${url}/conn?cmd=conn`);
  assertEquals(comet.status, 401);
  await comet.body?.cancel();
  const eve = new Visitor(`${url}/cometd`);
  const { error, advice } = await eve.handshake();
  assertEquals([error, advice.reconnect], ["403::Handshake denied", "none"]);
  assertEquals((await eve.ask("/a", { data: 1 })).successful, false);
  assertEquals([engine.connections.size, engine.node.applied], [0, 0]);
});

test("attack: a token's room is taken by sessions of those who have none", async () => {
  const clock = manualClock();
  const policy = jwt({ secret: SECRET, clock });
  const limits = { connections: 5 };
  await using halley = await served({ policy, limits, clock }, {}, {});
  const { cometd, url, engine } = halley;
  for (let n = 0; n < 5; n++) {
    const eve = new Visitor(cometd);
    await eve.handshake();
    await eve.ask("/meta/connect", {
      connectionType: "long-polling",
      advice: { interval: 600_000 },
    });
  }
  clock.advance(300_000);
  engine.sweep(clock.now());
  const { listener } = await subscribe(
    `${url}/a`,
    await bearer({ subscribe: "a" }),
  );
  await listener.close();
});

test("attack: a Bayeux session that may follow nothing hears what goes to all, and stays", async () => {
  const allow = (_: string, name: string) => name === "open";
  await using halley = await served({ policy: { allow } }, {}, {});
  const { cometd, engine, clock } = halley;
  const eve = await Visitor.welcome(cometd);
  assertEquals((await eve.subscribe("/a")).successful, false);
  await engine.sendToAll("a", "before");
  assertEquals(await eve.events(), []);
  // What is for this session alone is for it.
  await engine.sendTo([...engine.connections.keys()][0]!, "a", "to eve");
  assertEquals(await eve.events(), ["to eve"]);
  // Who may follow something is told what all are told, from then on.
  const ann = await Visitor.welcome(cometd);
  assertEquals((await ann.subscribe("/open")).successful, true);
  await engine.sendToAll("a", "after");
  assertEquals(await ann.events(), ["after"]);
  assertEquals(await eve.events(), []);
  for (const visitor of [ann, eve]) {
    const { clientId } = visitor;
    const connectionType = "long-polling";
    const advice = { interval: 60_000 };
    const channel = "/meta/connect";
    // Not alone, so that it is answered at once.
    await visitor.send(
      { channel: "/meta/unsubscribe", clientId, subscription: "/none" },
      { channel, clientId, connectionType, advice },
    );
  }
  clock.advance(10_000);
  engine.sweep(clock.now());
  const left = [...engine.connections.values()];
  assertEquals(left.map(({ channels }) => channels), [["open"]]);
  const [reply] = await eve.send({ ...SHAKE, channel: "/meta/connect" });
  assertEquals(reply.successful, false);
});
