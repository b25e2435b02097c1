/** The stand-alone server and the service that keeps its messages. */
import { assertEquals } from "@std/assert";
import { pause, startCommand } from "../harness.ts";
import { freePort } from "../port.ts";
import { Service, testWith } from "../services.ts";
import { Child } from "./child.ts";
import { publish } from "./halley.ts";

const test = testWith("nats-server");

test("a server that starts before NATS says what it waits for, and then serves", async () => {
  await using service = await Service.nats();
  await service.kill();
  const port = await freePort();
  await using child = new Child(startCommand(), {
    PORT: String(port),
    HALLEY_NATS: `nats://127.0.0.1:${service.port}`,
  });
  await child.says("NATS does not answer yet");
  await service.restart();
  await child.says(`:${port}`);
  const origin = `http://127.0.0.1:${port}`;
  while ((await fetch(`${origin}/readyz`)).status !== 200) await pause();
  assertEquals((await publish(`${origin}/push/a`, 1)).status, 200);
});
