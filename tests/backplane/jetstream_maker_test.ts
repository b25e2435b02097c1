/** The stream in NATS is made once, however many nodes begin at the same moment. */
import { assertEquals, assertRejects } from "@std/assert";
import { ApiError, JetStreamApi } from "../../src/backplane/jetstream_api.ts";
import { epochOf } from "../../src/backplane/jetstream_config.ts";
import { makeStream } from "../../src/backplane/jetstream_maker.ts";
import { Service, testWith } from "../services.ts";
import { connections, KEPT } from "./nats_clients.ts";

const test = testWith("nats-server");

for (const [name, connect] of Object.entries(connections)) {
  test(`of many nodes with ${name} that find no stream one makes it, and all have its epoch`, async () => {
    await using service = await Service.nats();
    const opened = await Promise.all(
      Array.from({ length: 6 }, () => connect(service.port)),
    );
    const { signal } = new AbortController();
    const made: string[] = [];
    const spy = new JetStreamApi(opened[0]!, "halley", 5_000);
    spy.listen("$JS.API.STREAM.CREATE.*", ({ subject }) => {
      made.push(subject);
    });
    await assertRejects(() => spy.ask("STREAM.INFO"), ApiError);
    const infos = await Promise.all(opened.map((connection) => {
      const api = new JetStreamApi(connection, "halley", 5_000);
      return makeStream(api, KEPT, signal);
    }));
    assertEquals(made, ["$JS.API.STREAM.CREATE.halley"]);
    const [epoch, ...others] = infos.map((info) => epochOf("halley", info));
    assertEquals(others, Array(5).fill(epoch));
    // Whoever comes later finds it.
    const later = await makeStream(spy, KEPT, signal);
    assertEquals([epochOf("halley", later), made.length], [epoch, 1]);
    await Promise.all(opened.map((connection) => connection.close()));
  });
}
