/**
 * jetStream() when NATS dies, stands still, forgets or goes back: nothing is lost in
 * silence, nothing comes twice, and all in order.
 */
import { assertEquals } from "@std/assert";
import { cpSync, renameSync, rmSync } from "node:fs";
import { jetStream } from "../../src/backplane/jetstream.ts";
import type { NatsConnection } from "../../src/backplane/jetstream_api.ts";
import { until } from "../outside.ts";
import { Service, testWith, Wire } from "../services.ts";
import { draft, hear } from "../ear.ts";
import { hog, turn } from "../harness.ts";
import { connections } from "./nats_clients.ts";
import { Trial } from "./trial.ts";

const test = testWith("nats-server");

/** Asks the API of a server for one thing. */
async function ask(port: number, subject: string): Promise<void> {
  const connection = await connections.nats!(port);
  await connection.request(`$JS.API.${subject}`);
  await connection.close();
}

/** Takes NATS back to where it was before `more`, as a backup does; all are cut off. */
async function goBack(
  service: Service,
  wires: Wire[],
  more: () => Promise<void>,
): Promise<void> {
  const copy = `${service.folder}.old`;
  service.pause();
  cpSync(service.folder, copy, { recursive: true });
  service.resume();
  await more();
  await service.kill();
  for (const wire of wires) wire.break();
  rmSync(service.folder, { recursive: true });
  renameSync(copy, service.folder);
  await service.restart();
}

/** The same connection, but subscriptions hear nothing while it is `deaf`. */
function deafened(
  connection: NatsConnection,
  deaf: () => boolean,
): NatsConnection {
  return Object.assign(Object.create(connection), {
    subscribe(subject: string, { callback }: { callback: Listener }) {
      const listener: Listener = (...said) => deaf() || callback(...said);
      return connection.subscribe(subject, { callback: listener } as never);
    },
  });
}

type Listener = (...said: unknown[]) => unknown;

for (const [name, connect] of Object.entries(connections)) {
  /** A trial over `service`, with a wire to it for each of two nodes. */
  const trial = async (
    service: Service,
    body: (trial: Trial, wires: Wire[]) => Promise<void>,
  ) => {
    await using first = await Wire.to(service.port);
    await using second = await Wire.to(service.port);
    const wires = [first, second];
    const opened = await Promise.all(wires.map(({ port }) => connect(port)));
    try {
      const backplanes = opened.map((connection) =>
        jetStream({ connection, patience: 300, onError() {} })
      );
      await using trial = await Trial.start(...backplanes);
      await trial.more(50);
      await body(trial, wires);
    } finally {
      await Promise.all(opened.map((connection) => connection.close()));
    }
  };

  test(`two engines over one jetStream() with ${name} are both brought everything`, async () => {
    await using service = await Service.nats();
    const connection = await connect(service.port);
    const backplane = jetStream({ connection });
    {
      await using trial = await Trial.start(backplane, backplane);
      await trial.more(100);
      await trial.compare(0);
    }
    await connection.close();
  });

  test(`jetStream() with ${name} loses nothing when connections are cut under load`, async () => {
    await using service = await Service.nats();
    await trial(service, async (trial, [first, second]) => {
      for (let cut = 0; cut < 12; cut++) {
        (cut % 2 ? first : second)!.cut();
        await trial.more(20);
      }
      await trial.compare(0);
    });
  });

  test(`jetStream() with ${name} refuses while NATS stands still, and then goes on`, async () => {
    await using service = await Service.nats();
    await trial(service, async (trial) => {
      service.pause();
      await trial.refused();
      await trial.refused();
      service.resume();
      await trial.more(50);
      await trial.compare(0);
    });
  });

  test(`jetStream() with ${name} that was busy itself does not take NATS for late`, async () => {
    await using service = await Service.nats();
    const connection = await connect(service.port);
    const told: unknown[] = [];
    const backplane = jetStream({
      connection,
      patience: 300,
      onError: (error) => void told.push(error),
    });
    const { ear } = await hear(backplane);
    await backplane.publish(draft());
    const late = backplane.publish(draft());
    await turn();
    // Longer than a publish, and than the feed, waits for an answer.
    hog(5_000);
    await ear.hears((await late).seq);
    assertEquals([told, ear.seqs], [[], [1, 2]]);
    await backplane.close();
    await connection.close();
  });

  test(`jetStream() with ${name} reads what takes longer than its patience, as long as it comes`, async () => {
    await using service = await Service.nats();
    await using wire = await Wire.to(service.port);
    const [near, far] = [await connect(service.port), await connect(wire.port)];
    const writer = jetStream({ connection: near });
    const data = `"${"x".repeat(60_000)}"`;
    const all = [...Array(64)].map(() => writer.publish(draft({ data })));
    await Promise.all(all);
    const patience = 500;
    const reader = jetStream({ connection: far, patience, onError() {} });
    await reader.top();
    wire.rate = 2_000;
    const { frames } = await reader.read!("a", 0, 64);
    assertEquals(frames.length, 64);
    for (const backplane of [writer, reader]) await backplane.close();
    for (const connection of [near, far]) await connection.close();
  });

  test(`jetStream() with ${name} goes on in the same order when NATS is killed and comes back`, async () => {
    await using service = await Service.nats();
    await trial(service, async (trial) => {
      await service.kill();
      await trial.refused();
      await service.restart();
      await trial.more(50);
      await trial.compare(0);
    });
  });

  test(`jetStream() with ${name} resets when NATS comes back empty`, async () => {
    await using service = await Service.nats();
    await trial(service, async (trial) => {
      await service.kill();
      await trial.refused();
      assertEquals(trial.resets, 0, "nobody is told what nobody knows");
      await service.restart(true);
      await trial.more(50);
      await trial.compare(1);
    });
  });

  test(`jetStream() with ${name} resets when the stream is deleted`, async () => {
    await using service = await Service.nats();
    await trial(service, async (trial) => {
      await ask(service.port, "STREAM.DELETE.halley");
      await trial.more(50);
      await trial.compare(1);
    });
  });

  for (
    const [kind, count] of [
      ["its end", 0],
      ["its end, and others have gone on from there", 300],
    ] as const
  ) {
    test(`jetStream() with ${name} resets when the stream has lost ${kind}`, async () => {
      await using service = await Service.nats();
      await trial(service, async (trial, wires) => {
        await goBack(service, wires, () => trial.more(100));
        await using other = await another(service.port);
        for (let i = 0; i < count; i++) {
          await other.backplane.publish(draft({ log: "$other" }));
        }
        for (const wire of wires) wire.mend();
        await until(() => trial.resets > 0, "they are told");
        await trial.more(50);
        await trial.compare(1);
      });
    });
  }

  test(`jetStream() with ${name} resets when what it had published and not read is lost, and others have gone on`, async () => {
    await using service = await Service.nats();
    await using wire = await Wire.to(service.port);
    const connection = await connect(wire.port);
    let deaf = false;
    const backplane = jetStream({
      connection: deafened(connection, () => deaf),
      onError() {},
    });
    const { ear, stop } = await hear(backplane);
    await backplane.publish(draft());
    await ear.hears(1);
    await goBack(service, [wire], async () => {
      deaf = true;
      for (let i = 0; i < 3; i++) await backplane.publish(draft());
    });
    await using other = await another(service.port);
    for (let i = 0; i < 10; i++) {
      await other.backplane.publish(draft({ log: "$other" }));
    }
    deaf = false;
    wire.mend();
    await ear.until(({ epochs }) => epochs.length === 2);
    stop();
    assertEquals([ear.seqs, ear.lostUpTo], [[1], []]);
    await backplane.close();
    await connection.close();
  });

  /** One more node, which has not heard of anything. */
  const another = async (port: number) => {
    const connection = await connect(port);
    const backplane = jetStream({ connection });
    return {
      backplane,
      async [Symbol.asyncDispose]() {
        await backplane.close();
        await connection.close();
      },
    };
  };
}
