/** PROTOCOL N8: who you are and what you may do. */
import { assertEquals } from "@std/assert";
import { PushError } from "../../src/errors.ts";
import type { Policy } from "../../src/policy.ts";
import { test } from "../harness.ts";
import {
  listen,
  poll,
  problemOf,
  publish,
  start,
  subscribe,
  until,
} from "./halley.ts";

/** The bearer's name is the token; `bad` is no token at all. */
function policy(allow: Policy["allow"]): Policy {
  return {
    identify(request) {
      const token = request.headers.get("authorization")?.slice(7);
      if (token === "bad") throw new PushError("unauthorized");
      return token === undefined ? undefined : { subject: token };
    },
    ...(allow && { allow }),
  };
}

function bearer(name: string): Record<string, string> {
  return { authorization: `Bearer ${name}` };
}

test("what nobody in particular may not do is 401; what somebody may not, 403 (N8)", async () => {
  await using halley = await start({ policy: policy(() => false) });
  const { url, engine } = halley;
  const cases: [
    headers: Record<string, string>,
    status: number,
    code: string,
  ][] = [
    [{}, 401, "unauthorized"],
    [bearer("bad"), 401, "unauthorized"],
    [bearer("ann"), 403, "forbidden"],
  ];
  for (const [headers, status, code] of cases) {
    // On an event stream too: trying again would not help.
    for (const path of ["a", "a?transport=poll", "a?transport=stream"]) {
      const problem = await problemOf(
        await fetch(`${url}/${path}`, { headers }),
      );
      assertEquals([problem.status, problem.code], [status, code], path);
    }
    const response = await publish(`${url}/a`, 1, headers);
    assertEquals(
      response.headers.get("www-authenticate"),
      status === 401 ? "Bearer" : null,
    );
    assertEquals((await problemOf(response)).code, code);
  }
  assertEquals([engine.connections.size, engine.channels], [0, []]);
  assertEquals(engine.node.applied, 0);
});

test("each request is asked about by action and name (N8)", async () => {
  const asked: string[] = [];
  await using halley = await start({
    policy: policy((action, name, identity) => {
      asked.push(`${identity?.subject} ${action} ${name}`);
      return true;
    }),
  });
  const { url } = halley;
  const questions = async (request: Promise<unknown>) => {
    await request;
    return asked.splice(0);
  };
  const ann = bearer("ann");
  const { listener, open } = await subscribe(`${url}/a?channel=b/*`, ann);
  assertEquals(asked.splice(0), ["ann subscribe a", "ann subscribe b/*"]);
  const post = (path: string) => publish(`${url}/${path}`, 1, ann);
  assertEquals(await questions(post("a")), ["ann publish a"]);
  assertEquals(await questions(post("a?to=*")), ["ann sendAll a"]);
  assertEquals(await questions(post(`a?to=${open.connection}`)), [
    "ann send a",
  ]);
  assertEquals(await questions(post(`$leave?key=${open.key}`)), []);
  await listener.rest();
  const read = poll(`${url}/a`, { since: "earliest", wait: "0" });
  assertEquals(await questions(read), [
    "undefined subscribe a",
    "undefined history a",
  ]);
  const present = poll(`${url}/a`);
  assertEquals(await questions(present), ["undefined subscribe a"]);
  await listener.close();
});

test("one forbidden channel among many refuses the whole request (N8)", async () => {
  await using halley = await start({
    policy: policy((_, name) => name !== "secret"),
  });
  const { url, engine } = halley;
  const query = "?channel=a&channel=secret&channel=b";
  assertEquals((await problemOf(await fetch(`${url}${query}`))).status, 401);
  assertEquals([engine.connections.size, engine.channels], [0, []]);
});

test("a right that was taken away ends with the next resume (N8)", async () => {
  let allowed = true;
  await using halley = await start({
    policy: policy((action) => action === "publish" || allowed),
  });
  const { url, engine } = halley;
  const { listener, open } = await subscribe(`${url}/a`, bearer("ann"));
  await publish(`${url}/a`, 1);
  const { id } = await listener.frame("message");
  await listener.close();
  await until(() => !engine.connections.get(open.connection)!.transport);
  allowed = false;
  await publish(`${url}/a`, 2);
  const back = (headers = {}) =>
    fetch(`${url}/a`, {
      headers: { ...bearer("ann"), "last-event-id": id, ...headers },
    });
  assertEquals((await problemOf(await back())).code, "forbidden");
  const keyed = await back({ "push-key": open.key });
  assertEquals((await problemOf(keyed)).code, "forbidden");
  allowed = true;
  const again = await listen(`${url}/a`, {
    ...bearer("ann"),
    "last-event-id": id,
    "push-key": open.key,
  });
  assertEquals(await again.data(1), [2]);
  await again.close();
});

test("a resume that names no channels asks about those it has (N6, N8)", async () => {
  let allowed = true;
  await using halley = await start({ policy: policy(() => allowed) });
  const { url } = halley;
  const { key, id } = await poll(`${url}/a`);
  allowed = false;
  const response = await fetch(
    `${url}?transport=poll&wait=0&since=${id}&key=${key}`,
  );
  assertEquals((await problemOf(response)).status, 401);
});

test("a key is of no use to another subject (N6)", async () => {
  await using halley = await start({ policy: policy(() => true) });
  const { url, engine } = halley;
  const { listener, open } = await subscribe(`${url}/a`, bearer("ann"));
  const path = `${url}/a?transport=poll&key=${open.key}`;
  for (const headers of [bearer("bob"), {}]) {
    const refused = await fetch(path, { headers });
    assertEquals((await problemOf(refused)).code, "forbidden");
    const leave = await fetch(`${url}/$leave?key=${open.key}`, {
      method: "POST",
      headers,
    });
    // A key that is somebody else's looks like one that is nobody's.
    assertEquals(leave.status, 204);
  }
  assertEquals(engine.connections.get(open.connection)!.transport, "sse");
  await publish(`${url}/a`, 1);
  assertEquals(await listener.data(1), [1]);
  await listener.close();
});

test("without a policy everybody listens and only the server publishes (N7)", async () => {
  await using halley = await start({ policy: {} });
  const { url, engine } = halley;
  const { listener, open } = await subscribe(`${url}/a`);
  for (
    const path of ["a", "a?to=*", `a?to=${open.connection}`, "a?to=nobody"]
  ) {
    const problem = await problemOf(await publish(`${url}/${path}`, 1));
    assertEquals([problem.status, problem.code], [401, "unauthorized"], path);
  }
  await engine.publish("a", "from the server");
  assertEquals(await listener.data(1), ["from the server"]);
  await listener.close();
});

test("a beforeConnect listener refuses newcomers, and sees who they are (N8)", async () => {
  await using halley = await start({ policy: policy(() => true) });
  const { url, engine } = halley;
  const seen: unknown[] = [];
  engine.on("beforeConnect", async ({ identity, channels }) => {
    await Promise.resolve();
    seen.push([identity?.subject, ...channels]);
    return identity?.subject !== "bob";
  });
  const refused = await fetch(`${url}/a`, { headers: bearer("bob") });
  assertEquals((await problemOf(refused)).code, "forbidden");
  const { listener } = await subscribe(`${url}/a`, bearer("ann"));
  assertEquals(seen, [["bob", "a"], ["ann", "a"]]);
  assertEquals(engine.connections.size, 1);
  await listener.close();
});
