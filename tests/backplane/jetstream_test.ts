/** jetStream(): the contract with both connections, and its options. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { jetStream } from "../../src/backplane/jetstream.ts";
import { backplaneContract } from "../backplane_contract.ts";
import { draft, hear, refusal } from "../ear.ts";
import { until } from "../outside.ts";
import { declared, Service, testWith } from "../services.ts";
import { connections } from "./nats_clients.ts";

for (const [name, connect] of Object.entries(connections)) {
  if (!declared("nats-server")) continue;
  backplaneContract(`jetStream() with ${name}`, async () => {
    const service = await Service.nats();
    const opened: { close(): Promise<void> }[] = [];
    return {
      async open({ frames } = {}) {
        const connection = await connect(service.port);
        opened.push(connection);
        const keep = frames === undefined ? {} : { frames };
        return jetStream({ connection, keep });
      },
      async remove() {
        await Promise.all(opened.map((connection) => connection.close()));
        await service[Symbol.asyncDispose]();
      },
    };
  }, { keeps: true, lasts: true, shared: true });
}

const test = testWith("nats-server");

test("jetStream() says what is wrong with its options", async () => {
  await using service = await Service.nats();
  const connection = await connections.nats!(service.port);
  try {
    const not = {} as typeof connection;
    const wrong = "connection is not a connection to NATS";
    assertThrows(() => jetStream({ connection: not }), TypeError, wrong);
    for (const stream of ["", "a.b", "a b", "ä"]) {
      const make = () => jetStream({ connection, stream });
      assertThrows(make, TypeError, `stream is "${stream}"`);
    }
    const numbers = [
      [{ patience: 0 }, "patience is 0"],
      [{ replicas: 0 }, "replicas is 0"],
      [{ keyAge: NaN }, "keyAge is NaN"],
      [{ keep: { frames: 0 } }, "keep.frames is 0"],
      [{ keep: { age: 1 } }, "keep.age is 1"],
      [{ keep: { bytes: -1 } }, "keep.bytes is -1"],
    ] as const;
    for (const [options, text] of numbers) {
      const make = () => jetStream({ connection, ...options });
      assertThrows(make, RangeError, text);
    }
  } finally {
    await connection.close();
  }
});

for (const [name, connect] of Object.entries(connections)) {
  test(`jetStream() with ${name} refuses when its connection was closed`, async () => {
    await using service = await Service.nats();
    const connection = await connect(service.port);
    const errors: string[] = [];
    const backplane = jetStream({
      connection,
      patience: 200,
      onError: (error) => errors.push((error as Error).message),
    });
    const { stop } = await hear(backplane);
    await connection.close();
    const { code, cause } = await refusal(() => backplane.publish(draft()));
    assertEquals(code, "unavailable");
    assert(cause instanceof Error);
    await until(() => errors.includes(CLOSED), () => errors);
    stop();
    await backplane.close();
  });

  test(`jetStream() with ${name} leaves its connection open`, async () => {
    await using service = await Service.nats();
    const connection = await connect(service.port);
    for (const seq of [1, 2]) {
      const backplane = jetStream({ connection });
      assertEquals((await backplane.publish(draft())).seq, seq);
      await backplane.close();
    }
    assertEquals(connection.isClosed(), false);
    await connection.close();
  });
}

const CLOSED = "The connection to NATS was closed for good.";
