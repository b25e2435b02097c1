/**
 * Several servers of both runtimes over one service, as processes: whatever dies,
 * stands still or is cut off, nothing is lost in silence, nothing comes twice, and
 * all comes in order. `deno task chaos` tries more.
 */
import { runtime } from "../harness.ts";
import { testWith } from "../services.ts";
import { Fleet } from "./fleet.ts";

// Deno starts them, those for Bun included.
const declared = (program: string): ReturnType<typeof testWith> =>
  runtime === "deno" ? testWith(program) : () => {};
const withRedis = declared("redis-server");
const withNats = declared("nats-server");

withRedis(
  "clients move between two nodes on Redis as their connections are cut",
  async () => {
    await using fleet = await Fleet.start("redis", "deno", "bun");
    for (let cut = 0; cut < 6; cut++) {
      fleet.balancer.cut(cut % 2 ? 0.5 : 1);
      await fleet.more(15);
    }
    await fleet.open();
    await fleet.present();
    await fleet.compare(0);
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

withRedis("Redis stands still, and then forgets", async () => {
  await using fleet = await Fleet.start("redis", "deno", "bun");
  fleet.service.pause();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  fleet.service.resume();
  await fleet.more(30);
  await fleet.service.kill();
  await fleet.service.restart();
  await fleet.more(30);
  await fleet.compare(1);
});

withNats("NATS and a node are killed, and come back as they were", async () => {
  await using fleet = await Fleet.start("nats", "bun", "deno");
  await fleet.service.kill();
  await fleet.service.restart();
  await fleet.more(30);
  await fleet.servers[0]!.kill();
  await fleet.more(30);
  await fleet.servers[0]!.restart();
  fleet.balancer.cut();
  await fleet.more(30);
  await fleet.compare(0);
});
