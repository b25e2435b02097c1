/** Attacks: names and paths that mean something else than they seem to. */
import { assert, assertEquals } from "@std/assert";
import { jwt } from "../../src/auth/jwt.ts";
import { test } from "../harness.ts";
import { listen, poll, publish, start, subscribe } from "../http/halley.ts";
import { exchange } from "../http/sockets.ts";
import { get } from "../http/target.ts";
import { bearer, SECRET } from "../issuer.ts";

/** What every object of JavaScript has. */
const PROTOTYPE = [
  "__proto__",
  "constructor",
  "constructor/prototype",
  "prototype",
  "toString",
  "valueOf",
  "hasOwnProperty",
  "__defineGetter__",
  "__lookupSetter__",
];

test("attack: channel names that are keys of every object", async () => {
  await using halley = await start();
  const { url, engine } = halley;
  const clean = Object.getOwnPropertyNames(Object.prototype).sort();
  const listeners = await Promise.all(
    PROTOTYPE.map(async (name) => (await subscribe(`${url}/${name}`)).listener),
  );
  for (const name of PROTOTYPE) {
    const sent = await publish(`${url}/${name}`, { __proto__: null, name });
    assertEquals(sent.status, 200, name);
  }
  for (const [index, name] of PROTOTYPE.entries()) {
    assertEquals(await listeners[index]!.data(1), [{ name }]);
    const { messages } = await poll(`${url}/${name}`, {
      since: "earliest",
      wait: "0",
    });
    assertEquals(messages.map(({ channel }) => channel), [name]);
    const query = new URLSearchParams({ channel: name });
    const answer = await fetch(`${url}/$presence?${query}`);
    const text = await answer.text();
    assert(text.startsWith(`{"presence":{"${name}":[{"connection":`), text);
  }
  assertEquals(new Set(engine.channels), new Set(PROTOTYPE));
  // One that nobody has used is as empty as any other.
  const { messages } = await poll(`${url}/isPrototypeOf`, {
    since: "earliest",
    wait: "0",
  });
  assertEquals(messages, []);
  assertEquals(Object.getOwnPropertyNames(Object.prototype).sort(), clean);
  for (const listener of listeners) await listener.close();
});

test("attack: data that pollutes the prototype of every object", async () => {
  await using halley = await start();
  const { url, engine } = halley;
  const { listener } = await subscribe(`${url}/a`);
  const data =
    '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
  const headers = { "content-type": "application/json" };
  await fetch(`${url}/a`, { method: "POST", headers, body: data });
  const { frames: [frame] } = await engine.history("a");
  assertEquals(frame?.data, data);
  assertEquals(JSON.stringify(await listener.data(1)), `[${data}]`);
  assertEquals(({} as { polluted?: number }).polluted, undefined);
  await listener.close();
});

test("attack: a token that grants by way of the prototype", async () => {
  await using halley = await start({ policy: jwt({ secret: SECRET }) });
  const claims = JSON.parse('{"__proto__":{"subscribe":"**","publish":"**"}}');
  const headers = await bearer({ ...claims, constructor: "**" });
  assertEquals((await publish(`${halley.url}/a`, 1, headers)).status, 403);
  const read = await fetch(`${halley.url}/a?transport=poll`, { headers });
  assertEquals(read.status, 403);
});

/** Ways to write `secret` so that it looks as if it lay below `public`. */
const TRICKS = [
  "public/../secret",
  "public/..%2fsecret",
  "public%2f..%2fsecret",
  "public/%2e%2e/secret",
  "public/%2e%2e%2fsecret",
  "public/%252e%252e/secret",
  "public/%252e%252e%252fsecret",
  "public/%25252e%25252e/secret",
  "public/..;/secret",
  "public/;/../secret",
  "public/..%5csecret",
  "public%5c..%5csecret",
  "public/..%00/secret",
  "public/%00/../secret",
  "public/..%c0%afsecret",
  "public/%c0%ae%c0%ae/secret",
  "public/%uff0e%uff0e/secret",
  "public/%EF%BC%8E%EF%BC%8E/secret",
  "public/..%EF%BC%8Fsecret",
  "public/./../secret",
  "public//../secret",
  "public//secret",
  "./secret",
  "%2e/secret",
  "/secret",
  "%2fsecret",
  "%2Fpush%2Fsecret",
  "secret%00",
  "secret%2f",
  "secret?x=public/",
  "secret%3fx=public/",
  "secret#public/",
  "%73ecret",
  "%2573ecret",
  "public/**/../../secret",
  "../push/secret",
  "..%2fpush%2fsecret",
];

test("attack: a path that leaves what was granted, encoded once and twice", async () => {
  await using halley = await start({ policy: jwt({ secret: SECRET }) });
  const { engine, port } = halley;
  const { authorization } = await bearer({
    subscribe: "public/**",
    history: "public/**",
  });
  await engine.publish("secret", "hidden");
  await engine.publish("public/x", "shown");
  const before = engine.channels;
  for (const trick of TRICKS) {
    for (
      const path of [
        `/${trick}`,
        `?channel=${trick}`,
        `/public/x?channel=${trick}`,
      ]
    ) {
      const [name = "", query] = path.split("?");
      const more = "transport=poll&since=earliest&wait=0";
      const request = get(
        `${name}?${query ? `${query}&` : ""}${more}`.replace("#", "%23"),
        `Authorization: ${authorization}\r\n`,
      );
      const { status, body } = await exchange(port, request);
      assert(!body.includes("hidden"), request);
      assert(
        [200, 400, 401, 403, 404].includes(status),
        `${status} ${request}`,
      );
      // What is taken for a name below `public` is one, and an empty one.
      if (status === 200) {
        const names = JSON.parse(body).messages.map(
          ({ channel }: { channel: string }) => channel,
        );
        for (const name of names) assertEquals(name, "public/x", request);
      }
    }
  }
  assertEquals(engine.channels.filter((name) => !name.startsWith("public/")), [
    "secret",
  ]);
  assert(before.includes("secret"));
});

test("attack: the engine's own channels, by every way to write a dollar sign", async () => {
  await using halley = await start();
  const { url, engine, port } = halley;
  const { listener, open } = await subscribe(`${url}/a`);
  await engine.sendTo(open.connection, "a", "private");
  const id = open.connection;
  const names = [
    "$all",
    "%24all",
    `$${id}`,
    `%24${id}`,
    "$presence/a",
    "$*",
    "$**",
  ];
  for (const name of names) {
    for (const path of [`/${name}`, `?channel=${name}`, `/a?channel=${name}`]) {
      const request = get(path, "Accept: application/json\r\n");
      const { status, body } = await exchange(port, request);
      assertEquals([status, body.includes("private")], [400, false], path);
    }
    for (const path of [`/${name}`, `?channel=${name}`]) {
      const sent = await publish(`${url}${path}`, "forged");
      assertEquals(sent.status, 400, path);
      await sent.body?.cancel();
    }
  }
  for (const pattern of ["*", "**"]) {
    const query = { since: "earliest", wait: "0" };
    const { messages } = await poll(`${url}/${pattern}`, query);
    assertEquals(messages, []);
  }
  assertEquals(await listener.data(1), ["private"]);
  await listener.close();
});

test("attack: 1,000,000 channel names", async () => {
  await using halley = await start({
    limits: { logs: 20_000, bytes: 20_000_000 },
    // However long it takes, those that were let in stay.
    linger: 1e9,
  });
  const { url, engine } = halley;
  const { listener } = await subscribe(`${url}/news`);
  const { logs } = engine.node;
  const held =
    () => [engine.channels.length <= 20_000, logs.memory <= 20_000_000];
  // Whoever publishes to them takes the places of nobody who is listened to.
  const data = "x".repeat(100);
  for (let n = 0; n < 100_000; n++) {
    await engine.publish(`flood/${n}`, data);
    if (n % 10_000 === 0) assertEquals(held(), [true, true]);
  }
  await engine.publish("news", 1);
  assertEquals(await listener.data(1), [1]);
  // Whoever listens to them, a hundred a request, is refused when all is full.
  const statuses = new Map<number, number>();
  let request = 0;
  const ask = async () => {
    while (request < 9_000) {
      const query = new URLSearchParams({ transport: "poll" });
      const n = request++;
      for (let k = 0; k < 100; k++) query.append("channel", `${n}/${k}`);
      const { status, body } = await fetch(`${url}?${query}`);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      await body?.cancel();
    }
  };
  await Promise.all(Array.from({ length: 16 }, ask));
  assertEquals([...statuses], [[200, 199], [429, 8_801]]);
  assertEquals(held(), [true, true]);
  await engine.publish("news", 2);
  assertEquals(await listener.data(1), [2]);
  const late = await listen(`${url}/news`);
  await late.frame("open");
  await late.close();
  await listener.close();
});
