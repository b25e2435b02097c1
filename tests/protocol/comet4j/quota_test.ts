/** Quotas of subjects and addresses (PROTOCOL N13), told to clients of Comet4J. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { EngineOptions } from "../../../src/options.ts";
import { comet4j } from "../../../src/protocol/comet4j.ts";
import type { RouterOptions } from "../../../src/router.ts";
import { manualClock, test } from "../../harness.ts";
import { start } from "../../http/halley.ts";
import { read } from "./site.ts";

/** A server on a socket, whose clock stands still. */
async function served(
  limits: NonNullable<EngineOptions["limits"]>,
  router: RouterOptions = { proxy: { header: "x-forwarded-for" } },
) {
  const clock = manualClock();
  const policy = {
    identify(request: Request) {
      const subject = request.headers.get("x-user");
      return subject === null ? undefined : { subject };
    },
    allow: () => true,
  };
  const channels = ["one", "two", "three"];
  const protocols = [comet4j({ channels, cookie: false })];
  const all = { ...router, protocols };
  const halley = await start({ policy, clock, limits }, all);
  const ask = (query: string, address: string, user?: string) =>
    fetch(`${halley.url}/conn?${query}`, {
      headers: {
        "x-forwarded-for": address,
        "user-agent": "MSIE",
        ...(user && { "x-user": user }),
      },
    });
  const connect = async (address: string, user?: string): Promise<string> => {
    const response = await ask("cmd=conn", address, user);
    assertEquals(response.status, 200);
    return read(await response.text()).data.cId;
  };
  return { ...halley, clock, ask, connect };
}

/** Which limit has refused a client, which stops and says so. */
async function refused(
  response: Response | Promise<Response>,
): Promise<string> {
  const { status, headers, body } = await response;
  const text = await new Response(body).text();
  assertEquals(status, 429);
  assert(Number(headers.get("retry-after")) >= 1);
  assertEquals(headers.get("set-cookie"), null);
  assertMatch(text, /^null\/\* too_many_requests: [^*]+ \*\/$/);
  return /The limit (\S+) is reached/.exec(text)?.[1] ?? text;
}

test("a connection over those of its address is refused, and nobody else suffers", async () => {
  await using halley = await served({ address: { connections: 2 } });
  const { ask, connect, engine } = halley;
  const here = [await connect("192.0.2.1"), await connect("192.0.2.1")];
  for (let n = 0; n < 3; n++) {
    const limit = await refused(ask("cmd=conn", "192.0.2.1"));
    assertEquals(limit, "address.connections");
  }
  const there = await connect("192.0.2.2");
  await engine.publish("one", 1);
  for (const cid of [...here, there]) {
    // Whoever has a connection may come from anywhere.
    const response = await ask(`cmd=revival&cid=${cid}`, "192.0.2.1");
    assertEquals(read(await response.text()).data, 1);
  }
  // A place that is given up is free.
  await ask(`cmd=drop&cid=${here[0]}`, "192.0.2.1");
  await connect("192.0.2.1");
  const { counts, meters } = engine.node;
  assertEquals(meters.refused.get("address.connections"), 3);
  assertEquals(counts.refusals.get("too_many_requests"), 3);
});

test("connections are opens of their address and subject; a revival is none", async () => {
  await using halley = await served({
    address: { opens: 2 },
    subject: { opens: 1 },
  });
  const { ask, connect, engine, clock } = halley;
  for (let n = 0; n < 5; n++) await connect("192.0.2.1", "ann");
  const again = () => ask("cmd=conn", "192.0.2.1", "ann");
  assertEquals(await refused(again()), "subject.opens");
  const cids: string[] = [];
  for (let n = 0; n < 4; n++) cids.push(await connect("192.0.2.1"));
  const other = ask("cmd=conn", "192.0.2.1");
  assertEquals(await refused(other), "address.opens");
  for (let n = 0; n < 20; n++) {
    await engine.publish("one", n);
    const revival = await ask(`cmd=revival&cid=${cids[0]}`, "192.0.2.1");
    assertEquals(read(await revival.text()).data, n);
  }
  await connect("192.0.2.2", "bob");
  clock.advance(1_000);
  await connect("192.0.2.1", "ann");
});

test("the registered channels are counted over all connections of a subject and an address", async () => {
  await using halley = await served({
    address: { channels: 6 },
    subject: { channels: 5, connections: 9 },
  });
  const { ask, connect } = halley;
  const ann = await connect("192.0.2.1", "ann");
  const again = ask("cmd=conn", "192.0.2.1", "ann");
  assertEquals(await refused(again), "subject.channels");
  await connect("192.0.2.1");
  const other = ask("cmd=conn", "192.0.2.1");
  assertEquals(await refused(other), "address.channels");
  await connect("192.0.2.2");
  await ask(`cmd=drop&cid=${ann}`, "192.0.2.1", "ann");
  await connect("192.0.2.1", "ann");
});

test("a subject's connections are counted, wherever they come from", async () => {
  await using halley = await served({ subject: { connections: 1 } });
  const { ask, connect } = halley;
  await connect("192.0.2.1", "ann");
  const second = ask("cmd=conn", "192.0.2.2", "ann");
  assertEquals(await refused(second), "subject.connections");
  await connect("192.0.2.2", "bob");
});

test("what a client says of its address is not believed without a proxy", async () => {
  await using halley = await served({ address: { connections: 1 } }, {});
  const { ask, connect } = halley;
  await connect("192.0.2.1");
  const other = ask("cmd=conn", "192.0.2.2");
  assertEquals(await refused(other), "address.connections");
});
