/** callback-polling (Bayeux 7.2): scripts that call back. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { test } from "../../harness.ts";
import { problemOf } from "../../http/halley.ts";
import { Peer, type Reply, settle, World } from "./peer.ts";

/** What browsers say of a script that a page of this host loads. */
const OWN = { "sec-fetch-site": "same-origin" };

/** Loads a script as a page does. */
async function load(
  world: World,
  messages: unknown,
  query: Record<string, string> = { jsonp: "cb" },
  headers?: Record<string, string>,
): Promise<Response> {
  const message = JSON.stringify(messages);
  const parameters = new URLSearchParams({ message, ...query });
  return await world.app.request(`http://halley/connect?${parameters}`, {
    headers: { host: "halley", ...(headers ?? OWN) },
  });
}

/** What the callback is called with. */
async function called(response: Response, name = "cb"): Promise<Reply[]> {
  assertEquals(response.status, 200);
  const text = await response.text();
  const start = `/**/${name}(`;
  assert(text.startsWith(start) && text.endsWith(");"), text);
  return JSON.parse(text.slice(start.length, -2));
}

const SHAKE = {
  channel: "/meta/handshake",
  version: "1.0",
  supportedConnectionTypes: ["callback-polling"],
};

test("a script calls the function that was asked for with the answer", async () => {
  await using world = new World();
  const response = await load(world, [SHAKE]);
  const { headers } = response;
  assertEquals(headers.get("content-type"), "text/javascript;charset=UTF-8");
  assertEquals(headers.get("x-content-type-options"), "nosniff");
  assertEquals(
    headers.get("content-disposition"),
    "attachment; filename=f.txt",
  );
  const [reply] = await called(response);
  assert(reply.successful);
  const other = await load(world, SHAKE, {});
  assert((await called(other, "jsonpcallback"))[0].successful);
  const nested = await load(world, SHAKE, { jsonp: "_a.$b.__jsonp1__" });
  assert((await called(nested, "_a.$b.__jsonp1__"))[0].successful);
});

test("a connect is held, and events come with connects alone", async () => {
  await using world = new World();
  const [{ clientId }] = await called(await load(world, SHAKE));
  const connect = (id: string) => ({
    channel: "/meta/connect",
    connectionType: "callback-polling",
    clientId,
    id,
  });
  await called(await load(world, connect("1")));
  const subscribe = {
    channel: "/meta/subscribe",
    clientId,
    subscription: "/a",
  };
  await called(await load(world, subscribe));
  const published = await called(
    await load(world, { channel: "/a", clientId, data: "\u2028 1" }),
  );
  assertEquals(published.length, 1);
  const held = await load(world, connect("2"));
  const text = await held.text();
  assertMatch(text, /\\u2028 1/);
  const waits = load(world, connect("3"));
  await settle();
  await world.engine.publish("a", 2);
  assertEquals((await called(await waits))[0], { channel: "/a", data: 2 });
});

test("what is not the name of a function is refused", async () => {
  await using world = new World();
  for (
    const jsonp of [
      "",
      "a b",
      "alert(1)//",
      "<script>",
      "a;b",
      "a..b",
      "1a",
      "a[0]",
      "x".repeat(101),
    ]
  ) {
    const response = await load(world, SHAKE, { jsonp });
    assertEquals((await problemOf(response)).code, "invalid_request", jsonp);
  }
});

test("a script takes no subject from what browsers add: cookies, a password", async () => {
  const identify = ({ headers }: Request) => {
    const subject = headers.get("cookie") ?? headers.get("authorization");
    return subject === null ? undefined : { subject };
  };
  const seen: unknown[] = [];
  await using world = new World({}, {
    policy: {
      identify,
      allow(_action, _name, identity) {
        seen.push(identity);
        return identity !== undefined;
      },
    },
  });
  const headers = {
    ...OWN,
    cookie: "session=ann",
    authorization: "Basic YW5uOng=",
  };
  const message = { channel: "/a", data: 1 };
  const [reply] = await called(
    await load(world, message, { jsonp: "cb" }, headers),
  );
  assertMatch(reply.error, /^403:/);
  assertEquals(seen, [undefined]);
  // Nor does it reach a session of that subject.
  const peer = new Peer(world);
  const shake = await peer.post(JSON.stringify(SHAKE), {
    authorization: "ann",
  });
  const [{ clientId }] = await shake.json();
  const connect = {
    channel: "/meta/connect",
    connectionType: "callback-polling",
    clientId,
  };
  const [stolen] = await called(
    await load(world, connect, { jsonp: "cb" }, {
      ...OWN,
      authorization: "ann",
    }),
  );
  assertMatch(stolen.error, /^402:/);
});

test("pages that are not to call load no script", async () => {
  const origins = ["http://page.example"];
  await using world = new World({}, {}, { origins });
  const ask = (headers: Record<string, string>) =>
    load(world, SHAKE, { jsonp: "cb" }, headers);
  for (
    const headers of [
      { "sec-fetch-site": "same-origin" },
      { "sec-fetch-site": "none" },
      { "sec-fetch-site": "cross-site", referer: "http://page.example/x" },
      { referer: "http://page.example/x" },
      { referer: "http://halley/page" },
    ] as Record<string, string>[]
  ) assert((await called(await ask(headers)))[0].successful);
  for (
    const headers of [
      // Over HTTP a page can have browsers leave out all that would give it away.
      {},
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site", referer: "http://evil.example/" },
      { referer: "http://evil.example/" },
      { "sec-fetch-site": "cross-site", referer: "http://evil.example/" },
    ] as Record<string, string>[]
  ) assertEquals((await problemOf(await ask(headers))).code, "bad_origin");
});
