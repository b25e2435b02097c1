/** The stand-alone server and the service that keeps its messages. */
import { assertEquals } from "@std/assert";
import { pause, startCommand } from "../harness.ts";
import { freePort } from "../port.ts";
import { Service, testWith } from "../services.ts";
import { Child, standalone } from "./child.ts";
import { publish } from "./halley.ts";

const testNats = testWith("nats-server");
const testRedis = testWith("redis-server");

/** A server whose service is away, and that does not listen yet. */
async function waiting(service: Service, kind: "nats" | "redis") {
  await service.kill();
  const port = await freePort();
  const child = new Child(startCommand(), {
    PORT: String(port),
    [`HALLEY_${kind.toUpperCase()}`]: `${kind}://127.0.0.1:${service.port}`,
  });
  return { child, port };
}

testNats(
  "a server that starts before NATS says what it waits for, and then serves",
  async () => {
    await using service = await Service.nats();
    const { child, port } = await waiting(service, "nats");
    await using _ = child;
    await child.says("NATS does not answer yet");
    await service.restart();
    await child.says(`:${port}`);
    const origin = `http://127.0.0.1:${port}`;
    while ((await fetch(`${origin}/readyz`)).status !== 200) await pause();
    assertEquals((await publish(`${origin}/push/a`, 1)).status, 200);
  },
);

testRedis(
  "a server listens when it can serve, so that the first request is",
  async () => {
    await using service = await Service.redis();
    await using server = await standalone({
      HALLEY_REDIS: `redis://127.0.0.1:${service.port}`,
    });
    assertEquals((await publish(`${server.url}/a`, 1)).status, 200);
  },
);

testRedis(
  "a server whose Redis is away listens in the end, refuses, and says why",
  async () => {
    await using service = await Service.redis();
    await service.kill();
    await using server = await standalone({
      HALLEY_REDIS: `redis://127.0.0.1:${service.port}`,
    });
    await server.child.says("HALLEY_REDIS does not answer");
    const { origin } = new URL(server.url);
    assertEquals((await fetch(`${origin}/healthz`)).status, 200);
    assertEquals(await (await fetch(`${origin}/readyz`)).text(), "backplane\n");
    assertEquals((await publish(`${server.url}/a`, 1)).status, 503);
    await service.restart();
    while ((await fetch(`${origin}/readyz`)).status !== 200) await pause();
    assertEquals((await publish(`${server.url}/a`, 1)).status, 200);
  },
);

testRedis(
  "a server that is ended while it waits for Redis never listens",
  async () => {
    await using service = await Service.redis();
    const { child, port } = await waiting(service, "redis");
    await using _ = child;
    // It has been there, and found nobody.
    await child.says("halley: ");
    child.kill("SIGTERM");
    assertEquals(await child.exit, 0, child.output);
    assertEquals(child.output.includes(`:${port}`), false, child.output);
  },
);
