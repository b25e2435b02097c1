/**
 * Several servers of both runtimes over one service, as processes: whatever dies,
 * stands still, is emptied or cut off, nothing is lost in silence, nothing comes twice,
 * and all comes in order. `deno task chaos` tries more.
 */
import { assertEquals } from "@std/assert";
import { command } from "../backplane/redis_clients.ts";
import { runtime } from "../harness.ts";
import { until } from "../outside.ts";
import { testWith } from "../services.ts";
import { Fleet } from "./fleet.ts";
import { Replica } from "./replica.ts";

// Deno starts them, those for Bun included.
const declared = (program: string): ReturnType<typeof testWith> =>
  runtime === "deno" ? testWith(program) : () => {};
const withRedis = declared("redis-server");
const withNats = declared("nats-server");

/** Clients, and the nodes' own ways to what they share, are cut and come back. */
async function cuts(fleet: Fleet): Promise<void> {
  for (let cut = 0; cut < 6; cut++) {
    fleet.balancer.cut(cut % 2 ? 0.5 : 1);
    fleet.wires[cut % fleet.wires.length]!.cut();
    await fleet.more(15);
  }
  await fleet.open();
  await fleet.present();
}

/** They stand still for so long, and go on. */
async function still(
  ms: number,
  ...all: { pause(): void; resume(): void }[]
): Promise<void> {
  for (const each of all) each.pause();
  await new Promise((resolve) => setTimeout(resolve, ms));
  for (const each of all) each.resume();
}

withRedis(
  "clients move between two nodes on Redis, which are cut off and stand still",
  async () => {
    await using fleet = await Fleet.start("redis", "deno", "bun");
    await cuts(fleet);
    // Longer than they wait for Redis: its answer is there, and they are late.
    await still(5_000, ...fleet.servers);
    await fleet.more(30);
    await fleet.compare(0);
    assertEquals(fleet.said("not answered"), undefined);
  },
);

withRedis(
  "nodes on Redis are killed and come back, one after the other",
  async () => {
    await using fleet = await Fleet.start("redis", "bun", "deno", "bun");
    for (const server of fleet.servers) {
      await server.kill();
      await fleet.more(30);
      await server.restart();
      await fleet.more(10);
    }
    await fleet.compare(0);
  },
);

withRedis("Redis stands still, is emptied, and then killed", async () => {
  await using fleet = await Fleet.start("redis", "deno", "bun");
  await still(1_000, fleet.service);
  await fleet.more(30);
  await command(fleet.service.port, "FLUSHALL");
  await fleet.more(30);
  await fleet.open();
  await fleet.service.kill();
  await fleet.service.restart();
  await fleet.more(30);
  await fleet.compare(2);
});

/** A master is killed with what its replica lacks. */
async function failOver(
  body: (fleet: Fleet, replica: Replica) => Promise<void>,
): Promise<void> {
  await using fleet = await Fleet.start("redis", "deno", "bun", "deno");
  await using replica = await Replica.of(fleet.service);
  replica.cutOff();
  await fleet.more(40);
  await replica.outlive();
  await body(fleet, replica);
  await fleet.open();
  await fleet.present();
  await fleet.compare(1);
}

withRedis(
  "nodes are led to a replica that lagged, and go on once it is the master",
  () =>
    failOver(async (fleet, replica) => {
      fleet.lead(replica.service);
      const reads = () => fleet.said("READONLY");
      await until(reads, "they find that it only reads");
      await replica.promote();
      await fleet.more(40);
    }),
);

withRedis(
  "nodes are led to a replica that lagged one after the other, while it goes on",
  () =>
    failOver(async (fleet, replica) => {
      for (const wire of fleet.wires) wire.break();
      await replica.promote();
      for (const wire of fleet.wires) {
        wire.mend(replica.service.port);
        await fleet.more(40);
      }
    }),
);

withNats(
  "NATS stands still, and it and a node are killed and come back as they were",
  async () => {
    await using fleet = await Fleet.start("nats", "bun", "deno");
    await cuts(fleet);
    await still(1_000, fleet.service);
    await fleet.more(30);
    await fleet.service.kill();
    await fleet.service.restart();
    await fleet.more(30);
    await fleet.servers[0]!.kill();
    await fleet.more(30);
    await fleet.servers[0]!.restart();
    fleet.balancer.cut();
    await fleet.more(30);
    await fleet.compare(0);
  },
);

withNats("NATS loses its end, and then everything", async () => {
  await using fleet = await Fleet.start("nats", "deno", "bun");
  const back = fleet.service.snapshot();
  await fleet.more(40);
  await back();
  await fleet.service.restart();
  await fleet.more(30);
  await fleet.open();
  await fleet.service.kill();
  await fleet.service.restart(true);
  await fleet.more(30);
  await fleet.compare(2);
});
