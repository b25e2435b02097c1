/** Messages in HTTP (Bayeux 7): long-polling. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { createRouter } from "../../../src/router.ts";
import { bayeux } from "../../../src/protocol/bayeux.ts";
import { test } from "../../harness.ts";
import { problemOf } from "../../http/halley.ts";
import { dataOf, Peer, World } from "./peer.ts";

const SHAKE = {
  channel: "/meta/handshake",
  version: "1.0",
  supportedConnectionTypes: ["long-polling"],
};
const A = { channel: "/a", data: 1 };
const B = { channel: "/b", data: 2 };

test("an answer is a bare JSON array that nobody stores", async () => {
  await using world = new World();
  const response = await new Peer(world).post(JSON.stringify([SHAKE]));
  assertEquals(response.status, 200);
  assertEquals(
    response.headers.get("content-type"),
    "application/json;charset=UTF-8",
  );
  assertEquals(response.headers.get("cache-control"), "no-store");
  assert(Array.isArray(await response.json()));
});

test("a single message will do, and white space before it", async () => {
  await using world = new World();
  for (const body of [JSON.stringify(A), ` \n${JSON.stringify([A])}`]) {
    const response = await new Peer(world).post(body);
    assertEquals(await response.json(), [{ channel: "/a", successful: true }]);
  }
});

test("a form has messages in one field or several, objects and arrays mixed", async () => {
  await using world = new World();
  const form = new URLSearchParams();
  form.append("message", JSON.stringify(A));
  form.append("message", JSON.stringify([B, A]));
  form.append("other", "ignored");
  for (const type of ["application/x-www-form-urlencoded", "text/plain"]) {
    const response = await new Peer(world).post(form.toString(), {
      "content-type": type,
    });
    assertEquals(
      (await response.json()).map(({ channel }: typeof A) => channel),
      ["/a", "/b", "/a"],
    );
  }
});

test("JSON is read whatever its type says", async () => {
  await using world = new World();
  for (const type of ["text/plain", "text/json", "application/octet-stream"]) {
    const response = await new Peer(world).post(JSON.stringify(A), {
      "content-type": type,
    });
    assertEquals((await response.json()).length, 1);
  }
});

test("a body without a message is refused with 400", async () => {
  await using world = new World();
  const bodies = [
    "",
    " ",
    "[]",
    "[[",
    "{",
    "x",
    "message=",
    "message=x",
    "a=1",
  ];
  for (const body of [...bodies, "message=[]", "null", "1", '"a"']) {
    const response = await new Peer(world).post(body);
    assertEquals(response.status, 400, body);
    assertMatch((await problemOf(response)).code, /^invalid_(json|request)$/);
  }
});

test("a body that is too large is refused with 413", async () => {
  await using world = new World({}, { limits: { message: 1_000 } });
  const body = JSON.stringify({ ...A, data: "x".repeat(4_000) });
  assertEquals((await new Peer(world).post(body)).status, 413);
  const batch = JSON.stringify(Array(5).fill({ ...A, data: "x".repeat(700) }));
  assertEquals((await new Peer(world).post(batch)).status, 200);
});

test("more messages than one request may have are refused with 400", async () => {
  await using world = new World();
  const most = JSON.stringify(Array(4_096).fill(A));
  assertEquals((await new Peer(world).post(most)).status, 200);
  const more = JSON.stringify(Array(4_097).fill(A));
  assertEquals((await new Peer(world).post(more)).status, 400);
});

test("every path that clients use leads to the same, wherever it is mounted", async () => {
  await using world = new World();
  const { engine } = world;
  const protocols = [bayeux()];
  const app = createRouter(engine, { protocols });
  for (const base of ["/cometd", "/bayeux"]) {
    for (const path of ["", "/", "/handshake", "/connect", "/disconnect"]) {
      const response = await app.request(base + path, {
        method: "POST",
        body: JSON.stringify([SHAKE]),
      });
      assertEquals(response.status, 200, base + path);
      assert((await response.json())[0].successful);
    }
  }
  // Two mounts of one protocol have the same sessions.
  const shake = await app.request("/cometd/handshake", {
    method: "POST",
    body: JSON.stringify(SHAKE),
  });
  const [{ clientId }] = await shake.json();
  const connect = { channel: "/meta/connect", connectionType: "long-polling" };
  const response = await app.request("/bayeux", {
    method: "POST",
    body: JSON.stringify({ ...connect, clientId }),
  });
  assert((await response.json())[0].successful);
  // Natives are where they were.
  const poll = await app.request("/cometdx?transport=poll");
  assertEquals(poll.status, 200);
});

test("a reply has the id of its message, whatever clients use for one", async () => {
  await using world = new World();
  for (const id of ["a1", 7, ""]) {
    const [reply] = await new Peer(world).send({ ...A, id });
    assertEquals(reply.id, id);
  }
  for (const id of [null, {}, [], true, undefined, "x".repeat(300)]) {
    const [reply] = await new Peer(world).send({ ...A, id });
    assertEquals("id" in reply, false);
  }
});

test("replies come in the order of the messages, then what rides on them", async () => {
  await using world = new World();
  const peer = await Peer.connected(world, "/**");
  const replies = await peer.send(
    peer.message("/meta/subscribe", { subscription: "/x" }),
    peer.message("/a", { data: 1 }),
    peer.message("/meta/unknown"),
    peer.message("/b", { data: 2 }),
  );
  assertEquals(
    replies.map(({ channel, successful }) => [channel, successful]),
    [
      ["/meta/subscribe", true],
      ["/a", true],
      ["/meta/unknown", false],
      ["/b", true],
      ["/a", undefined],
      ["/b", undefined],
    ],
  );
  assertEquals(dataOf(replies), [1, 2]);
});
