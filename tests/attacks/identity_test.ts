/** Attacks: somebody acts as somebody else. */
import { assert, assertEquals } from "@std/assert";
import { jwt } from "../../src/auth/jwt.ts";
import { test } from "../harness.ts";
import {
  type Halley,
  problemOf,
  publish,
  start,
  subscribe,
} from "../http/halley.ts";
import { bearer, forged, Issuer, now, SECRET, token } from "../issuer.ts";

const ann = await bearer({
  sub: "ann",
  subscribe: ["ann", "all"],
  publish: "all",
});
const bob = await bearer({
  sub: "bob",
  subscribe: ["bob", "all"],
  publish: "all",
});

function halley(): Promise<Halley> {
  return start({ policy: jwt({ secret: SECRET, cookie: "__Host-t" }) });
}

async function refusal(
  response: Response | Promise<Response>,
): Promise<string> {
  const { status, code } = await problemOf(await response);
  return `${status} ${code}`;
}

async function ticketOf(url: string, headers: Record<string, string>) {
  const response = await fetch(`${url}/$ticket`, { method: "POST", headers });
  return (await response.json()).ticket as string;
}

test("attack: somebody else's id, taken for a key", async () => {
  await using server = await halley();
  const { url } = server;
  const { listener, open } = await subscribe(`${url}/ann`, ann);
  const { connection } = open;
  for (
    const key of [connection, connection.padEnd(24, "0").replace(/[-_]/g, "x")]
  ) {
    for (const headers of [ann, bob]) {
      const query = new URLSearchParams({
        transport: "poll",
        channel: "all",
        key,
      });
      const response = await fetch(`${url}?${query}`, { headers });
      const answer = await response.json();
      assert(answer.connection !== connection, `${response.status}`);
      await fetch(`${url}/$leave?key=${key}`, { method: "POST", headers });
    }
  }
  assert(server.engine.connections.get(connection)?.sink);
  await listener.close();
});

test("attack: somebody else's key, to listen, to publish and to say goodbye", async () => {
  await using server = await halley();
  const { url, engine } = server;
  const from: unknown[] = [];
  engine.on("message", (frame) => from.push(frame.from));
  const { listener, open } = await subscribe(`${url}/ann`, ann);
  const stolen = { ...bob, "push-key": open.key };
  for (const transport of ["sse", "stream", "poll"]) {
    const read = fetch(`${url}/all?transport=${transport}`, {
      headers: stolen,
    });
    assertEquals(await refusal(read), "403 forbidden");
  }
  const unknown = fetch(`${url}/ann?transport=poll&key=${open.key}`);
  assertEquals(await refusal(unknown), "401 unauthorized");
  const left = await fetch(`${url}/$leave`, {
    method: "POST",
    headers: stolen,
  });
  assertEquals(left.status, 204);
  await publish(`${url}/all`, 1, stolen);
  assertEquals(from, [undefined]);
  await engine.publish("ann", "still here");
  assertEquals(await listener.data(1), ["still here"]);
  await listener.close();
});

test("attack: somebody else's cursor, to read what only they were sent", async () => {
  await using server = await halley();
  const { url, engine } = server;
  const { listener, open } = await subscribe(`${url}/ann`, ann);
  await engine.publish("ann", "to ann's channel");
  await engine.sendTo(open.connection, "all", "to ann alone");
  await engine.publish("all", "to all");
  const since = open.id;
  for (const path of ["all", "bob"]) {
    const query = `transport=poll&since=${since}&wait=0`;
    const headers = await bearer({ sub: "bob", subscribe: ["bob", "all"] });
    const { messages } =
      await (await fetch(`${url}/${path}?${query}`, { headers })).json();
    const got = messages.map(({ data }: { data: string }) => data);
    assertEquals(got, path === "all" ? ["to all"] : []);
  }
  const hidden = fetch(`${url}/ann?transport=poll&since=${since}`, {
    headers: bob,
  });
  assertEquals(await refusal(hidden), "403 forbidden");
  await listener.close();
});

test("attack: somebody else's ticket, open, ended, and mixed with a token of one's own", async () => {
  await using server = await halley();
  const { url, engine } = server;
  const ticket = await ticketOf(url, ann);
  const { listener, open } = await subscribe(`${url}/ann?ticket=${ticket}`);
  const other = `${url}/ann?ticket=${ticket}`;
  assertEquals(await refusal(fetch(other)), "403 forbidden");
  assertEquals(
    await refusal(fetch(other, { headers: bob })),
    "400 invalid_request",
  );
  assertEquals(await refusal(fetch(`${other}&channel=bob`)), "403 forbidden");
  assertEquals(await refusal(publish(other, 1)), "401 unauthorized");
  const key = "K".repeat(24);
  assertEquals(await refusal(fetch(`${other}&key=${key}`)), "403 forbidden");
  const leave = fetch(`${url}/$leave?ticket=${ticket}&key=${open.key}`, {
    method: "POST",
  });
  assertEquals(await refusal(leave), "401 unauthorized");
  // Ann leaves; from then on her ticket opens nothing.
  await fetch(`${url}/$leave`, {
    method: "POST",
    headers: { ...ann, "push-key": open.key },
  });
  assertEquals((await listener.frame("close")).code, "left");
  for (const headers of [{}, { "last-event-id": open.id }]) {
    const response = await fetch(other, {
      headers: headers as Record<string, string>,
    });
    assertEquals([response.status, await response.text()], [204, ""]);
  }
  assertEquals(engine.connections.size, 0);
});

test("attack: a message to somebody, without the right to send", async () => {
  await using server = await halley();
  const { url } = server;
  const { listener, open } = await subscribe(`${url}/ann`, ann);
  for (const to of [open.connection, "*"]) {
    const sent = publish(`${url}/all?to=${to}`, "forged", bob);
    assertEquals(await refusal(sent), "403 forbidden");
  }
  // Whether somebody is there is not told to those who may not send.
  const nobody = publish(`${url}/all?to=${"x".repeat(22)}`, "forged", bob);
  assertEquals(await refusal(nobody), "403 forbidden");
  await server.engine.publish("ann", 1);
  assertEquals(await listener.data(1), [1]);
  await listener.close();
});

test("attack: another's idempotency key, to learn or to swallow a message", async () => {
  await using server = await halley();
  const { url } = server;
  const key = { "idempotency-key": "k1" };
  const first = await (await publish(`${url}/all`, "ann's", { ...ann, ...key }))
    .json();
  const second = await publish(`${url}/all`, "bob's", { ...bob, ...key });
  assertEquals(second.status, 200);
  assert((await second.json()).id !== first.id);
});

/** Tokens that a server with a public key must not take. */
async function confused(issuer: Issuer): Promise<Record<string, string>> {
  const claims = {
    sub: "eve",
    subscribe: "**",
    publish: "**",
    exp: now() + 600,
  };
  const good = await issuer.token(claims);
  const [header, payload, signature] = good.split(".");
  const other = await Issuer.make("RS256");
  const head = { alg: "RS256", typ: "JWT", kid: "k1" };
  const pem = issuer.pem.replace(/PUBLIC/g, "PUBLI\u0043");
  const hs = (secret: string) => token(claims, secret).catch(() => "x.y.z");
  return {
    "no signature": `${header}.${payload}.`,
    "alg none": forged({ alg: "none" }, claims),
    "alg none, with a signature": forged({ alg: "none" }, claims, signature),
    "the public key for a secret": await hs(pem.replace(/-----.*?-----/g, "")),
    "the modulus for a secret": await hs(String(issuer.jwk.n)),
    "an empty secret": await hs("\0"),
    "a key of its own": forged(
      { ...head, jwk: other.jwk },
      claims,
      (await other.token(claims)).split(".")[2],
    ),
    "signed by another": await other.token(claims),
    "a URL for a key": forged(
      { ...head, jku: "http://127.0.0.1:9/", x5u: "file:///etc/passwd" },
      claims,
      signature,
    ),
    "a path for a key": forged(
      { ...head, kid: "../../../dev/null" },
      claims,
      "AA",
    ),
    "a query for a key": forged(
      { ...head, kid: "k1' OR 1=1--" },
      claims,
      signature,
    ),
    "other claims, same signature": `${header}.${
      forged({}, claims).split(".")[1]
    }.${signature}`,
    "what is critical and unknown": await issuer.odd(
      { crit: ["x"], x: 1 },
      claims,
    ),
    "another type": await issuer.odd({ typ: "dpop+jwt" }, claims),
    "a proof of logout": await issuer.odd({ typ: "logout+jwt" }, claims),
    "encrypted, it says": `${good}.x.y`,
    "twice": `${good}, ${good}`,
  };
}

test("attack: a token that is to be taken for another kind of token", async () => {
  const issuer = await Issuer.make("RS256");
  await using server = await start({ policy: jwt({ publicKey: issuer.pem }) });
  const { url, engine } = server;
  // One that is made in the same way, but as it should be, is taken.
  const good = await issuer.odd({}, { sub: "ann", publish: "**" });
  const authorization = `Bearer ${good}`;
  const taken = await publish(`${url}/b`, 1, { authorization });
  assertEquals(taken.status, 200);
  for (const [attempt, text] of Object.entries(await confused(issuer))) {
    const headers = { authorization: `Bearer ${text}` };
    const read = fetch(`${url}/a?transport=poll`, { headers });
    assertEquals(await refusal(read), "401 unauthorized", attempt);
    const sent = publish(`${url}/a`, 1, headers);
    assertEquals(await refusal(sent), "401 unauthorized", attempt);
  }
  assertEquals([engine.connections.size, engine.node.applied], [0, 1]);
});

test("attack: a ticket for a token, a token for a ticket, and both in a cookie", async () => {
  await using server = await halley();
  const { url } = server;
  const text = ann.authorization!.replace("Bearer ", "");
  const ticket = await ticketOf(url, ann);
  const ask = (headers: Record<string, string>, query = "") =>
    refusal(fetch(`${url}/ann?transport=poll${query}`, { headers }));
  assertEquals(
    await ask({ authorization: `Bearer ${ticket}` }),
    "401 unauthorized",
  );
  assertEquals(await ask({ cookie: `__Host-t=${ticket}` }), "401 unauthorized");
  assertEquals(await ask({}, `&ticket=${text}`), "401 unauthorized");
  assertEquals(await ask({}, `&access_token=${text}`), "401 unauthorized");
  assertEquals(await ask({ cookie: `t=${text}` }), "401 unauthorized");
  assertEquals(await ask({ authorization: text }), "401 unauthorized");
  // A neighbour on the same domain can set a cookie, but not one of that name.
  assertEquals(
    await ask({ cookie: `__host-t=${text}; _Host-t=${text}` }),
    "401 unauthorized",
  );
});

test("attack: a subject whose own channel would be a pattern", async () => {
  await using server = await start({
    policy: {
      identify: ({ headers }) => ({ subject: headers.get("x-user")! }),
      allow: (_action, name, who) => name === `orders/${who?.subject}`,
    },
  });
  const orders = `${server.url}/orders`;
  const as = (user: string) => ({
    headers: { "x-user": user, accept: "application/json" },
  });
  for (const user of ["*", "**", "ann/*", "ann/**"]) {
    const there = fetch(`${orders}/${user}`, as(user));
    assertEquals(await refusal(there), "401 unauthorized", user);
  }
  // What is no pattern in any place may be in a subject.
  for (const user of ["ann", "auth0|*ann", "*@example.org"]) {
    const answer = await fetch(`${orders}/other`, as(user));
    assertEquals(await refusal(answer), "403 forbidden", user);
  }
  const { listener } = await subscribe(`${orders}/ann`, { "x-user": "ann" });
  await listener.close();
});
