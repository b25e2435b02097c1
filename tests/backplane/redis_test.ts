/** redis(): the contract with both clients, its options, and how it connects. */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { redis } from "../../src/backplane/redis.ts";
import { backplaneContract } from "../backplane_contract.ts";
import { draft, hear, refusal } from "../ear.ts";
import { until } from "../outside.ts";
import { freePort } from "../port.ts";
import { declared, Service, testWith } from "../services.ts";
import { clients, command } from "./redis_clients.ts";

for (const [name, connect] of Object.entries(clients)) {
  if (!declared("redis-server")) continue;
  backplaneContract(`redis() with ${name}`, async () => {
    const service = await Service.redis();
    return {
      open: ({ frames } = {}) =>
        redis({
          client: connect(service.port),
          ...(frames === undefined ? {} : { history: { frames } }),
        }),
      remove: () => service[Symbol.asyncDispose](),
    };
  }, { keeps: true, lasts: true, shared: true });
}

const test = testWith("redis-server");

test("redis() says what is wrong with its options", () => {
  const client = clients.redis!(1);
  const wrong: [object, string][] = [
    [{}, "client is not a client of npm redis or ioredis"],
    [{ duplicate() {} }, "client is not a client of npm redis or ioredis"],
    [
      Object.assign(clients.ioredis!(1), { isCluster: true }),
      "pass a plain one",
    ],
  ];
  for (const [not, text] of wrong) {
    const make = () => redis({ client: not as typeof client });
    assertThrows(make, TypeError, text);
  }
  assertThrows(
    () => redis({ client, prefix: "a}b" }),
    TypeError,
    'prefix is "a}b"',
  );
  assertThrows(
    () => redis({ client, patience: 0 }),
    RangeError,
    "patience is 0",
  );
  assertThrows(
    () => redis({ client, feed: { frames: -1 } }),
    RangeError,
    "feed.frames",
  );
  assertThrows(() => redis({ client, logs: NaN }), RangeError, "logs is NaN");
  assertThrows(
    () => redis({ client, keys: 0 }),
    RangeError,
    "keys is 0",
  );
});

for (const [name, connect] of Object.entries(clients)) {
  test(`redis() with ${name} refuses within its patience where nobody listens`, async () => {
    const errors: unknown[] = [];
    const backplane = redis({
      client: connect(await freePort()),
      patience: 100,
      onError: (error) => errors.push(error),
    });
    const asked = Date.now();
    for (
      const ask of [
        () => backplane.publish(draft()),
        () => backplane.top(),
        () => backplane.read!("a", 0, 1),
      ]
    ) {
      const error = await refusal(ask);
      assertEquals([error.code, error.retryable], ["unavailable", true]);
      assertMatch(String(error.cause), /ECONNREFUSED|closed|refused/);
    }
    assert(Date.now() - asked < 5_000, "it did not wait for long");
    assertEquals(errors.length, 1, "it is said once");
    await backplane.close();
  });

  test(`redis() with ${name} takes as long as it may until Redis is there`, async () => {
    await using service = await Service.redis();
    await service.kill();
    const backplane = redis({
      client: connect(service.port),
      patience: 20_000,
      onError() {},
    });
    const places = [backplane.publish(draft()), backplane.publish(draft())];
    await service.restart();
    const seqs = (await Promise.all(places)).map(({ seq }) => seq);
    assertEquals(seqs, [1, 2]);
    await backplane.close();
  });

  test(`redis() with ${name} makes two connections to Redis`, async () => {
    await using service = await Service.redis();
    const before = await connections(service.port);
    const backplane = redis({ client: connect(service.port) });
    const ears = await Promise.all([hear(backplane), hear(backplane)]);
    const { seq } = await backplane.publish(draft());
    for (const { ear } of ears) await ear.hears(seq);
    assertEquals(await connections(service.port) - before, 2);
    await backplane.close();
    await until(async () => await connections(service.port) === before);
  });

  test(`redis() with ${name} finds the node of a cluster that has its keys`, async () => {
    const cluster = ["--cluster-enabled", "yes"];
    await using one = await Service.redis(...cluster);
    await using two = await Service.redis(...cluster);
    // The slot of {halley} is not in the first node's half.
    const slot = Number(
      await command(one.port, "CLUSTER", "KEYSLOT", "{halley}:"),
    );
    const halves = [["0", "8191"], ["8192", "16383"]];
    if (slot < 8_192) halves.reverse();
    await command(one.port, "CLUSTER", "ADDSLOTSRANGE", ...halves[0]!);
    await command(two.port, "CLUSTER", "ADDSLOTSRANGE", ...halves[1]!);
    await command(two.port, "CLUSTER", "SET-CONFIG-EPOCH", "2");
    await command(one.port, "CLUSTER", "MEET", "127.0.0.1", `${two.port}`);
    for (const { port } of [one, two]) {
      await until(async () =>
        String(await command(port, "CLUSTER", "INFO")).includes("state:ok")
      );
    }
    const backplane = redis({ client: connect(one.port), patience: 5_000 });
    const { ear, stop } = await hear(backplane);
    const { seq } = await backplane.publish(draft());
    await ear.hears(seq);
    stop();
    assertEquals((await backplane.read!("a", 0, 1)).frames.length, 1);
    assertEquals(await command(two.port, "EXISTS", "{halley}:order"), 1);
    await backplane.close();
  });
}

/** How many connections a server has. */
async function connections(port: number): Promise<number> {
  return String(await command(port, "CLIENT", "LIST")).trim().split("\n")
    .length;
}
