/** What HTTP asks of Bayeux: who may call, and what is not offered. */
import { assertEquals, assertMatch } from "@std/assert";
import { test } from "../../harness.ts";
import { problemOf } from "../../http/halley.ts";
import { Peer, World } from "./peer.ts";

const A = JSON.stringify([{ channel: "/a", data: 1 }]);

test("WebSocket is refused at once, so that clients fall back", async () => {
  await using world = new World();
  const response = await world.app.request("/", {
    headers: {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    },
  });
  assertMatch((await problemOf(response)).detail, /WebSocket is not offered/);
  assertEquals(response.status, 400);
});

test("a GET without messages, and other methods, are refused", async () => {
  await using world = new World();
  assertEquals((await world.app.request("/")).status, 400);
  for (const method of ["HEAD", "PUT", "DELETE", "PATCH"]) {
    const response = await world.app.request("/connect", { method });
    assertEquals(response.status, 405);
    assertEquals(response.headers.get("allow"), "GET, POST, OPTIONS");
  }
});

test("pages of other origins may call if they are listed, with their cookies", async () => {
  const page = "http://page.example";
  await using world = new World({}, {}, { origins: [page] });
  const peer = new Peer(world);
  const own = await peer.post(A, { origin: "http://halley", host: "halley" });
  assertEquals(own.status, 200);
  const listed = await peer.post(A, { origin: page, host: "halley" });
  assertEquals(listed.status, 200);
  assertEquals(listed.headers.get("access-control-allow-origin"), page);
  assertEquals(
    listed.headers.get("access-control-allow-credentials"),
    "true",
  );
  for (const origin of ["http://evil.example", "null"]) {
    const refused = await peer.post(A, { origin, host: "halley" });
    assertEquals((await problemOf(refused)).code, "bad_origin");
    assertEquals(refused.headers.get("access-control-allow-origin"), null);
  }
  assertEquals((await world.engine.history("a")).frames.length, 2);
});

test("a preflight is told what clients send: Faye's adds Pragma", async () => {
  const page = "http://page.example";
  await using world = new World({}, {}, { origins: [page] });
  const response = await world.app.request("/connect", {
    method: "OPTIONS",
    headers: {
      origin: page,
      "access-control-request-method": "POST",
      "access-control-request-headers": "content-type,pragma",
    },
  });
  assertEquals(response.status, 204);
  const { headers } = response;
  assertEquals(headers.get("access-control-allow-origin"), page);
  assertEquals(headers.get("access-control-allow-credentials"), "true");
  assertMatch(
    headers.get("access-control-allow-headers")!,
    /content-type, pragma/,
  );
  assertMatch(headers.get("access-control-allow-methods")!, /POST/);
});

test("a host that is not served is refused, whatever it asks", async () => {
  await using world = new World({}, {}, { hosts: ["localhost"] });
  const peer = new Peer(world);
  const refused = await peer.post(A, { host: "rebound.example" });
  assertEquals((await problemOf(refused)).code, "bad_origin");
  assertEquals((await peer.post(A, { host: "localhost:8000" })).status, 200);
});

test("whatever fails inside is told to the operator, and the client gets 500 in a reply", async () => {
  await using world = new World({}, {
    policy: {
      allow() {
        throw new Error("the database is gone");
      },
    },
  });
  const peer = await Peer.connected(world);
  const [reply] = await peer.publish("/a", 1);
  assertEquals(reply.error, "500::Something went wrong here.");
  assertEquals(reply.successful, false);
  assertEquals(world.errors, ["Error: the database is gone"]);
});
