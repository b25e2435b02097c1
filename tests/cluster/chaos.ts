/**
 * Rounds of random accidents to servers over Redis and NATS, each compared at its end.
 *
 * `deno task chaos [rounds] [seed]` (default 20 rounds, a random seed)
 * @module
 */
import { command } from "../backplane/redis_clients.ts";
import type { Runtime } from "../outside.ts";
import { Fleet, type Kind } from "./fleet.ts";
import { Replica } from "./replica.ts";

const [rounds = "20", seed = `${Math.floor(Math.random() * 1e9)}`] = Deno.args;
let state = Number(seed);

/** A number below `below`: the same ones for the same seed. */
function random(below: number): number {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor(state / 2 ** 32 * below);
}

/** What may happen to a fleet, and whether the order is lost with it. */
const ACCIDENTS: Record<
  string,
  (fleet: Fleet, kind: Kind) => Promise<boolean>
> = {
  async cut(fleet) {
    fleet.balancer.cut(random(2) ? 0.5 : 1);
    await fleet.more(10);
    return false;
  },
  async cutService(fleet) {
    for (const wire of fleet.wires) if (random(2)) wire.cut();
    await fleet.more(10);
    return false;
  },
  async pauseNode(fleet) {
    const server = fleet.servers[random(fleet.servers.length)]!;
    server.pause();
    await new Promise((resolve) => setTimeout(resolve, random(6_000)));
    server.resume();
    await fleet.more(10);
    return false;
  },
  async killNode(fleet) {
    const server = fleet.servers[random(fleet.servers.length)]!;
    await server.kill();
    await fleet.more(random(30));
    await server.restart();
    return false;
  },
  async pause(fleet) {
    fleet.service.pause();
    await new Promise((resolve) => setTimeout(resolve, random(4_000)));
    fleet.service.resume();
    await fleet.more(10);
    return false;
  },
  async killService(fleet, kind) {
    await fleet.service.kill();
    await fleet.service.restart();
    await fleet.more(10);
    // Redis forgets, NATS has it all on disk.
    return kind === "redis";
  },
  async empty(fleet, kind) {
    const { service } = fleet;
    if (kind === "redis") await command(service.port, "FLUSHALL");
    else {
      await service.kill();
      await service.restart(true);
    }
    await fleet.more(10);
    return true;
  },
  async failOver(fleet, kind) {
    const { service } = fleet;
    if (kind === "redis") {
      const replica = await Replica.of(service);
      replica.cutOff();
      await fleet.more(1 + random(40));
      await replica.outlive();
      fleet.lead(replica.service);
      await replica.promote();
    } else {
      const back = service.snapshot();
      await fleet.more(1 + random(40));
      await back();
      await service.restart();
    }
    await fleet.more(10);
    return true;
  },
};

console.log(`seed ${seed}`);
for (let round = 1; round <= Number(rounds); round++) {
  const kind = (["redis", "nats"] as const)[random(2)]!;
  const runtimes = Array.from(
    { length: 2 + random(2) },
    (): Runtime => random(2) ? "deno" : "bun",
  );
  const names = Array.from({ length: 1 + random(4) }, () => {
    const all = Object.keys(ACCIDENTS);
    return all[random(all.length)]!;
  });
  console.log(`${round}: ${kind}, ${runtimes.join(" ")}: ${names.join(", ")}`);
  await using fleet = await Fleet.start(kind, ...runtimes);
  let lost = 0;
  for (const name of names) {
    if (await ACCIDENTS[name]!(fleet, kind)) lost++;
    // Each loss is told once everybody is there to hear of it.
    await fleet.open();
    await fleet.more(10);
  }
  await fleet.present();
  await fleet.compare(lost);
}
console.log(
  `${rounds} rounds: nothing lost in silence, nothing twice, in order`,
);
Deno.exit(0);
