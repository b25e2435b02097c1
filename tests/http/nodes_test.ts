/** Two nodes over HTTP: whatever a request is about, either will do. */
import { assert, assertEquals } from "@std/assert";
import { jwt } from "../../src/auth/jwt.ts";
import { idOfKey } from "../../src/key.ts";
import { PresenceAnswer } from "../../src/wire.ts";
import { v } from "../../src/deps.ts";
import type { Policy } from "../../src/policy.ts";
import { Hub } from "../hub.ts";
import { bearer, SECRET } from "../issuer.ts";
import { test, turn } from "../harness.ts";
import {
  type Halley,
  poll,
  publish,
  start,
  subscribe,
  until,
} from "./halley.ts";

/** The bearer's name is the subject. */
const NAMED: Policy = {
  identify: (request) => {
    const subject = request.headers.get("authorization");
    return subject === null ? undefined : { subject };
  },
  allow: () => true,
};

/** Two nodes that have heard of each other. */
async function nodes(
  policy: Policy = NAMED,
): Promise<[Halley, Halley] & AsyncDisposable> {
  const hub = new Hub();
  const both = await Promise.all(
    [0, 1].map((node) => start({ backplane: hub.backplane(node), policy })),
  );
  await turn();
  // As if they had been there for some seconds.
  for (const { engine } of both) engine.sweep(Date.now() + 3_000);
  return Object.assign(both as [Halley, Halley], {
    [Symbol.asyncDispose]: async () => {
      for (const halley of both) await halley.stop();
    },
  });
}

test("?to= finds a connection at another node, and says 404 only if there is none (N7)", async () => {
  await using both = await nodes();
  const [one, two] = both;
  const { listener, open } = await subscribe(`${one.url}/a`);
  const sent = await publish(`${two.url}/x?to=${open.connection}`, 1);
  assertEquals([sent.status, await listener.data(1)], [200, [1]]);
  await sent.body?.cancel();
  const nobody = await publish(`${two.url}/x?to=${idOfKey("nobody")}`, 1);
  assertEquals((await nobody.json()).code, "not_found");
  await listener.close();
});

test("$presence tells of all nodes (N11.1)", async () => {
  await using both = await nodes();
  const [one, two] = both;
  const { listener, open } = await subscribe(`${one.url}/a`);
  await until(() => two.engine.presence("a").length > 0);
  const answer = await fetch(`${two.url}/$presence?channel=a`);
  const { presence } = v.parse(PresenceAnswer, await answer.json());
  assertEquals(presence, { a: [{ connection: open.connection }] });
  await listener.close();
});

test("$leave ends a connection at another node, for its own subject (N9)", async () => {
  await using both = await nodes();
  const [one, two] = both;
  const authorization = "ann";
  const { listener, open } = await subscribe(`${one.url}/a`, { authorization });
  await until(() => two.engine.presence("a").length > 0);
  const leave = (headers: Record<string, string>) =>
    fetch(`${two.url}/$leave?key=${open.key}`, { method: "POST", headers });
  assertEquals((await leave({})).status, 204);
  assertEquals((await leave({ authorization })).status, 204);
  assertEquals((await listener.frame("close")).code, "left");
  assertEquals((await listener.rest()).length, 0);
});

test("who is sent away for good at one node stays away from all, with a ticket too (N12.6)", async () => {
  const policy = jwt({ secret: SECRET });
  await using both = await nodes(policy);
  const [one, two] = both;
  const headers = await bearer({ subscribe: "a" });
  const asked = await fetch(`${one.url}/$ticket`, { method: "POST", headers });
  const { ticket } = await asked.json();
  const url = (halley: Halley) => `${halley.url}/a?ticket=${ticket}`;
  const { listener, open } = await subscribe(url(one));
  await until(() => two.engine.presence("a").length > 0);
  // At the node where it is not.
  assert(two.engine.drop(open.connection));
  assertEquals((await listener.frame("close")).code, "kicked");
  for (const halley of both) {
    const back = { "last-event-id": open.id };
    const response = await fetch(url(halley), { headers: back });
    assertEquals([response.status, await response.text()], [204, ""]);
  }
  const { listener: other } = await subscribe(`${two.url}/a`, headers);
  await other.close();
});

test("who publishes is known at another node, too", async () => {
  await using both = await nodes();
  const [one, two] = both;
  const { listener, open } = await subscribe(`${one.url}/a`);
  await until(() => two.engine.presence("a").length > 0);
  const from: unknown[] = [];
  one.engine.on("message", (frame) => void from.push(frame.from));
  const headers = { "push-key": open.key };
  await (await publish(`${two.url}/a`, 1, headers)).body?.cancel();
  await until(() => from.length > 0);
  assertEquals(from, [open.connection]);
  await listener.close();
});

test("a client polls here and there in turn, and gets each message once (N5, N6)", async () => {
  await using both = await nodes();
  const [one] = both;
  const first = await poll(`${one.url}/a`);
  let { id, key } = first;
  const got: unknown[] = [];
  for (let i = 0; i < 12; i++) {
    await one.engine.publish("a", i);
    const { url } = both[i % 2]!;
    const answer = await poll(`${url}/a`, { key, since: id!, wait: "1000" });
    assertEquals(answer.connection, first.connection);
    got.push(...answer.messages.map(({ data }) => data));
    ({ id, key } = answer);
  }
  assertEquals(got, [...Array(12).keys()]);
});
