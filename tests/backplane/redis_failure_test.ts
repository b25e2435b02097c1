/**
 * redis() when Redis dies, stands still, forgets or is replaced: nothing is lost in
 * silence, nothing comes twice, and all in order.
 */
import { assertEquals } from "@std/assert";
import { redis } from "../../src/backplane/redis.ts";
import { draft, hear } from "../ear.ts";
import { hog, turn } from "../harness.ts";
import { Service, testWith, Wire } from "../services.ts";
import { until } from "../outside.ts";
import { clients, command } from "./redis_clients.ts";
import { Trial } from "./trial.ts";

const test = testWith("redis-server");

for (const [name, connect] of Object.entries(clients)) {
  /** A trial over `service`, with a wire to it for each of two nodes. */
  const trial = async (
    service: Service,
    body: (trial: Trial, wires: Wire[]) => Promise<void>,
  ) => {
    await using first = await Wire.to(service.port);
    await using second = await Wire.to(service.port);
    const wires = [first, second];
    const backplanes = wires.map(({ port }) =>
      redis({ client: connect(port), patience: 300, onError() {} })
    );
    await using trial = await Trial.start(...backplanes);
    await trial.more(50);
    await body(trial, wires);
  };

  test(`two engines over one redis() with ${name} are both brought everything`, async () => {
    await using service = await Service.redis();
    const backplane = redis({ client: connect(service.port) });
    await using trial = await Trial.start(backplane, backplane);
    await trial.more(100);
    await trial.compare(0);
  });

  test(`redis() with ${name} loses nothing when connections are cut under load`, async () => {
    await using service = await Service.redis();
    await trial(service, async (trial, [first, second]) => {
      for (let cut = 0; cut < 12; cut++) {
        (cut % 2 ? first : second)!.cut();
        await trial.more(20);
      }
      await trial.compare(0);
    });
  });

  test(`redis() with ${name} refuses while Redis stands still, and then goes on`, async () => {
    await using service = await Service.redis();
    await trial(service, async (trial) => {
      service.pause();
      await trial.refused();
      await trial.refused();
      service.resume();
      await trial.more(50);
      await trial.compare(0);
    });
  });

  test(`redis() with ${name} that was busy itself does not take Redis for late`, async () => {
    await using service = await Service.redis();
    const told: unknown[] = [];
    const backplane = redis({
      client: connect(service.port),
      patience: 200,
      onError: (error) => void told.push(error),
    });
    const { ear } = await hear(backplane);
    await backplane.publish(draft());
    const late = backplane.publish(draft());
    await turn();
    // Longer than a publish, and than the feed, waits for an answer.
    hog(3_000);
    await ear.hears((await late).seq);
    assertEquals([told, ear.seqs], [[], [1, 2]]);
    await backplane.close();
  });

  for (
    const [kind, more] of [
      ["an empty one", []],
      ["itself, with its file", ["--appendonly", "yes"]],
    ] as const
  ) {
    test(`redis() with ${name} resets when Redis is killed and replaced by ${kind}`, async () => {
      await using service = await Service.redis(...more);
      await trial(service, async (trial) => {
        await service.kill();
        await trial.refused();
        assertEquals(trial.resets, 0, "nobody is told what nobody knows");
        await service.restart();
        await trial.more(50);
        await trial.compare(1);
      });
    });
  }

  test(`redis() with ${name} is brought more than comes in the time that one read has`, async () => {
    await using service = await Service.redis();
    await using wire = await Wire.to(service.port);
    const client = connect(wire.port);
    const backplane = redis({ client, patience: 100, onError() {} });
    const { ear } = await hear(backplane);
    wire.break();
    const writer = redis({ client: connect(service.port) });
    const data = `"${"x".repeat(20_000)}"`;
    const all = [...Array(300)].map(() => writer.publish(draft({ data })));
    await Promise.all(all);
    await writer.close();
    wire.rate = 2_000;
    wire.mend();
    await ear.hears(300);
    assertEquals([ear.seqs.length, ear.lostUpTo], [300, []]);
    await backplane.close();
  });

  test(`redis() with ${name} resets when Redis is emptied under load`, async () => {
    await using service = await Service.redis();
    await trial(service, async (trial) => {
      await command(service.port, "FLUSHALL");
      await trial.more(50);
      await trial.compare(1);
    });
  });

  test(`redis() with ${name} resets when Redis is emptied in silence`, async () => {
    await using service = await Service.redis();
    await using wire = await Wire.to(service.port);
    const backplane = redis({ client: connect(wire.port) });
    await using trial = await Trial.start(backplane);
    await trial.more(10);
    await trial.rest();
    await command(service.port, "FLUSHALL");
    await until(() => trial.resets === 2, "all clients are told");
  });

  for (
    const [kind, count] of [
      ["that lags", 0],
      ["that lags, where others have gone on", 300],
    ] as const
  ) {
    test(`redis() with ${name} resets after a failover to a replica ${kind}`, async () => {
      await using service = await Service.redis(
        ...["--repl-diskless-sync-delay", "0"],
      );
      await using replication = await Wire.to(service.port);
      await using replica = await Service.redis(
        ...["--replicaof", "127.0.0.1", `${replication.port}`],
      );
      await trial(service, async (trial, wires) => {
        const seq = async () =>
          Number(await command(replica.port, "HGET", "{halley}:order", "seq"));
        await until(async () => await seq() > 50, "the replica follows");
        replication.break();
        await trial.more(100);
        await service.kill();
        for (const wire of wires) wire.target = replica.port;
        // Until it is promoted it only reads, and that must not do.
        await trial.refused();
        assertEquals(trial.resets, 0);
        for (const wire of wires) wire.break();
        await command(replica.port, "REPLICAOF", "NO", "ONE");
        const other = redis({ client: connect(replica.port) });
        for (let i = 0; i < count; i++) {
          await other.publish(draft({ log: "$other" }));
        }
        await other.close();
        for (const wire of wires) wire.mend();
        await trial.more(100);
        await trial.compare(1);
      });
    });
  }
}
