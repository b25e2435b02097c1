/** PROTOCOL N12: tokens and tickets over HTTP. */
import { assert, assertEquals } from "@std/assert";
import { v } from "../../src/deps.ts";
import { idOfKey } from "../../src/key.ts";
import { jwt, type JwtOptions } from "../../src/auth/jwt.ts";
import { TicketAnswer } from "../../src/wire.ts";
import { serve, test } from "../harness.ts";
import { bearer, Issuer, now, SECRET, token } from "../issuer.ts";
import {
  type Halley,
  listen,
  poll,
  problemOf,
  publish,
  start,
  subscribe,
} from "./halley.ts";

const claims = { subscribe: ["a", "b/**"], publish: "a" };

function halley(options: JwtOptions = { secret: SECRET }): Promise<Halley> {
  return start({ policy: jwt(options) });
}

/** A ticket, as a page gets one. */
async function ticketOf(
  url: string,
  headers: Record<string, string>,
): Promise<string> {
  const response = await fetch(`${url}/$ticket`, { method: "POST", headers });
  assertEquals(response.headers.get("cache-control"), "no-store");
  return v.parse(TicketAnswer, await response.json()).ticket;
}

async function code(response: Response | Promise<Response>): Promise<string> {
  return (await problemOf(await response)).code;
}

test("a token lets in to what it names, and to nothing else (N12.1)", async () => {
  await using server = await halley();
  const { url } = server;
  const headers = await bearer(claims);
  const { listener } = await subscribe(
    `${url}?channel=a&channel=b/c/*`,
    headers,
  );
  assertEquals((await publish(`${url}/a`, 1, headers)).status, 200);
  assertEquals(await listener.data(1), [1]);
  assertEquals(await code(fetch(`${url}/c`, { headers })), "forbidden");
  assertEquals(await code(fetch(`${url}/**`, { headers })), "forbidden");
  assertEquals(await code(publish(`${url}/b/x`, 1, headers)), "forbidden");
  assertEquals(await code(publish(`${url}/a?to=*`, 1, headers)), "forbidden");
  const who = fetch(`${url}/$presence?channel=a`, { headers });
  assertEquals(await code(who), "forbidden");
  assertEquals(await code(fetch(`${url}/a`)), "unauthorized");
  assertEquals(await code(publish(`${url}/a`, 1)), "unauthorized");
  await listener.close();
});

test("a token that is not good is refused, and its stream never retries (N12.2)", async () => {
  await using server = await halley({ secret: SECRET, audience: "push" });
  const bad: [claims: Record<string, unknown>, code: string][] = [
    [{}, "unauthorized"],
    [{ aud: "pull" }, "unauthorized"],
    [{ aud: "push", nbf: now() + 60 }, "unauthorized"],
    [{ aud: "push", exp: now() - 1 }, "token_expired"],
  ];
  for (const [more, expected] of bad) {
    const headers = await bearer({ ...claims, ...more });
    for (const transport of ["sse", "stream", "poll"]) {
      const url = `${server.url}/a?transport=${transport}`;
      const response = await fetch(url, { headers });
      assertEquals(response.status, 401);
      const challenge = response.headers.get("www-authenticate");
      assert(challenge?.startsWith("Bearer"), `${challenge}`);
      assertEquals(await code(response), expected);
    }
  }
  const headers = await bearer({ ...claims, aud: ["push"] });
  const { listener } = await subscribe(`${server.url}/a`, headers);
  await listener.close();
});

test("a token in a URL is refused, whether or not it is good (N12.2)", async () => {
  await using server = await halley();
  const text = await token(claims);
  for (const name of ["access_token", "token", "jwt", "ticket"]) {
    const url = `${server.url}/a?${name}=${text}`;
    assertEquals(await code(fetch(url)), "unauthorized", name);
    assertEquals(await code(publish(url, 1)), "unauthorized", name);
  }
});

test("a bare EventSource's ticket opens one connection and comes back to it (N12.3)", async () => {
  await using server = await halley();
  const { url, engine } = server;
  const ticket = await ticketOf(url, await bearer(claims));
  const { listener, open } = await subscribe(`${url}/a?ticket=${ticket}`);
  assertEquals(open.connection, idOfKey(open.key));
  assertEquals(
    engine.connections.get(open.connection)?.identity?.subject,
    "ann",
  );
  // It opens nothing more, not even for the same channel.
  assertEquals(await code(fetch(`${url}/a?ticket=${ticket}`)), "forbidden");
  assertEquals(await code(fetch(`${url}/c?ticket=${ticket}`)), "forbidden");
  await listener.close();
  await engine.publish("a", 1);
  const back = await subscribe(`${url}/a?ticket=${ticket}`, {
    "last-event-id": open.id,
  });
  assertEquals(back.open.connection, open.connection);
  assertEquals(await back.listener.data(1), [1]);
  assertEquals(engine.connections.size, 1);
  await back.listener.close();
});

test("a ticket is good at another node with the same secret (N12.3)", async () => {
  await using one = await halley();
  await using two = await halley();
  const ticket = await ticketOf(one.url, await bearer(claims));
  const { listener, open } = await subscribe(`${two.url}/a?ticket=${ticket}`);
  await listener.close();
  const back = await subscribe(`${one.url}/a?ticket=${ticket}`, {
    "last-event-id": open.id,
  });
  assertEquals(back.open.connection, open.connection);
  await back.listener.close();
});

test("a ticket publishes nothing, gives no ticket, ends nobody and sees nobody (N12.3)", async () => {
  await using server = await halley();
  const { url, engine } = server;
  const all = { ...claims, presence: "a" };
  const ticket = await ticketOf(url, await bearer(all));
  for (const path of ["a", "$ticket", `$leave`]) {
    const request = `${url}/${path}?ticket=${ticket}&key=${"k".repeat(24)}`;
    assertEquals(await code(publish(request, 1)), "unauthorized");
  }
  const who = fetch(`${url}/$presence?channel=a&ticket=${ticket}`);
  assertEquals(await code(who), "unauthorized");
  assertEquals(engine.node.applied, 0);
});

test("a ticket takes a token, and a policy that gives tickets (N12.3)", async () => {
  await using server = await halley();
  const ask = (url: string) => fetch(`${url}/$ticket`, { method: "POST" });
  assertEquals(await code(ask(server.url)), "unauthorized");
  const got = await fetch(`${server.url}/$ticket`);
  assertEquals(got.headers.get("allow"), "POST, OPTIONS");
  assertEquals(await code(got), "method_not_allowed");
  await using other = await start();
  assertEquals(await code(ask(other.url)), "not_found");
});

test("a cookie lets in pages of this host, and publishes for no other (N12.2)", async () => {
  await using server = await halley({ secret: SECRET, cookie: "__Host-t" });
  const { url } = server;
  const cookie = `__Host-t=${await token(claims)}`;
  const { listener } = await subscribe(`${url}/a`, { cookie });
  const foreign = { cookie, origin: "https://evil.example" };
  assertEquals(await code(publish(`${url}/a`, 1, foreign)), "bad_origin");
  assertEquals(await code(publish(`${url}/$ticket`, 1, foreign)), "bad_origin");
  assertEquals((await publish(`${url}/a`, 2, { cookie })).status, 200);
  assertEquals(await listener.data(1), [2]);
  await listener.close();
});

for (const transport of ["sse", "stream"]) {
  test(`a ${transport} stream ends with its token, and a new one goes on (N12.4)`, async () => {
    await using server = await halley();
    const { url, engine } = server;
    const exp = now() + 600;
    const headers = await bearer({ ...claims, exp });
    const address = `${url}/a?transport=${transport}`;
    const { listener, open } = await subscribe(address, headers);
    engine.sweep(exp * 1_000 - 1);
    await engine.publish("a", 1);
    engine.sweep(exp * 1_000);
    assertEquals(await listener.data(1), [1]);
    const { code, retry } = await listener.frame("close");
    assertEquals([code, retry], ["token_expired", true]);
    assertEquals(await listener.rest(), []);
    await engine.publish("a", 2);
    await engine.sendTo(open.connection, "a", 3);
    const back = await subscribe(`${address}&since=${open.id}`, {
      ...await bearer(claims),
      "push-key": open.key,
    });
    assertEquals(back.open.connection, open.connection);
    assertEquals(await back.listener.data(3), [1, 2, 3]);
    await back.listener.close();
  });
}

test("a poll that is held ends with its token (N12.4)", async () => {
  await using server = await halley();
  const { url, engine } = server;
  const exp = now() + 600;
  const headers = await bearer({ ...claims, exp });
  const first = await fetch(`${url}/a?transport=poll`, { headers });
  const { id, key } = await first.json();
  const query = `transport=poll&since=${id}`;
  const held = fetch(`${url}/a?${query}`, {
    headers: { ...headers, "push-key": key },
  });
  const [connection] = engine.connections.values();
  while (connection!.transport !== "poll") {
    await new Promise((resolve) => setTimeout(resolve));
  }
  engine.sweep(exp * 1_000);
  assertEquals(await code(held), "token_expired");
});

test("who was sent away for good gets 204 on an EventSource, else a refusal (N12.6)", async () => {
  await using server = await halley();
  const { url, engine } = server;
  const headers = await bearer(claims);
  const ticket = await ticketOf(url, headers);
  const { listener, open } = await subscribe(`${url}/a?ticket=${ticket}`);
  const other = await ticketOf(url, headers);
  engine.drop(open.connection);
  assertEquals((await listener.frame("close")).code, "kicked");
  const back = { "last-event-id": open.id };
  const response = await fetch(`${url}/a?ticket=${ticket}`, { headers: back });
  assertEquals([response.status, await response.text()], [204, ""]);
  const again = fetch(`${url}/a?transport=stream&ticket=${ticket}`, {
    headers: back,
  });
  assertEquals(await code(again), "kicked");
  // One connection was meant, and not all of Ann's.
  const second = await subscribe(`${url}/a?ticket=${other}`);
  await second.listener.close();
});

for (const iat of [now() - 60, undefined]) {
  test(`what a subject had, with iat ${iat && "before"}, is worth nothing once it was sent away; a later token is (N12.6)`, async () => {
    await using server = await halley({ secret: SECRET, cookie: "__Host-t" });
    const { url, engine } = server;
    const old = await token({ ...claims, ...iat && { iat } });
    const headers = { authorization: `Bearer ${old}` };
    const ticket = await ticketOf(url, headers);
    const { listener: open } = await subscribe(`${url}/a`, headers);
    assertEquals(engine.dropSubject("ann"), 1);
    assertEquals((await open.frame("close")).code, "kicked");
    const events = [
      fetch(`${url}/a?ticket=${ticket}`),
      fetch(`${url}/a`, { headers }),
      fetch(`${url}/a`, { headers: { cookie: `__Host-t=${old}` } }),
    ];
    for (const response of await Promise.all(events)) {
      assertEquals(response.status, 204);
      await response.body?.cancel();
    }
    assertEquals(await code(publish(`${url}/a`, 1, headers)), "kicked");
    const asked = fetch(`${url}/$ticket`, { method: "POST", headers });
    assertEquals(await code(asked), "kicked");
    const fresh = await bearer({ ...claims, iat: now() + 1 });
    const { listener } = await subscribe(`${url}/a`, fresh);
    await listener.close();
  });
}

test("keys that cannot be fetched are told as 503, and on an EventSource as a close (N12.2)", async () => {
  const issuer = await Issuer.make("ES256");
  let answer = () => new Response("", { status: 500 });
  const keys = await serve(() => answer());
  await using server = await halley({ jwks: keys.url });
  const headers = { authorization: `Bearer ${await issuer.token(claims)}` };
  const response = await fetch(`${server.url}/a?transport=poll`, { headers });
  assertEquals(response.headers.get("retry-after"), "10");
  assertEquals(await code(response), "unavailable");
  const listener = await listen(`${server.url}/a`, headers);
  assertEquals((await listener.frame("close")).code, "unavailable");
  await listener.close();
  answer = () => Response.json({ keys: [issuer.jwk] });
  await using later = await halley({ jwks: keys.url });
  const { listener: good } = await subscribe(`${later.url}/a`, headers);
  await good.close();
  await keys.stop();
});

test("tokens change nothing for whoever has none where none is needed", async () => {
  const policy = jwt({ secret: SECRET, credentialsRequired: false });
  await using server = await start({
    policy: {
      ...policy,
      allow: (action, name, identity) =>
        (action === "subscribe" && name === "open") ||
        policy.allow!(action, name, identity),
    },
  });
  const { messages } = await poll(`${server.url}/open`);
  assertEquals(messages, []);
  const closed = await fetch(`${server.url}/a?transport=poll`);
  assertEquals(await code(closed), "unauthorized");
});
