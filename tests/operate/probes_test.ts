/** What load balancers and orchestrators are told. */
import { assertEquals } from "@std/assert";
import { createEngine } from "../../src/engine.ts";
import { healthz, readyz } from "../../src/operate/probes.ts";
import { HandBackplane } from "../hand_backplane.ts";
import { test } from "../harness.ts";

async function read(response: Response): Promise<[number, string]> {
  assertEquals(response.headers.get("cache-control"), "no-store");
  return [response.status, await response.text()];
}

test("healthz() is alive, whatever else is not", async () => {
  assertEquals(await read(healthz()()), [200, "alive\n"]);
});

test("readyz() is 200 when ready, and 503 without backplane or while draining", async () => {
  const backplane = new HandBackplane();
  const engine = createEngine({ backplane });
  const ask = readyz(engine);
  assertEquals(await read(await ask()), [200, "ready\n"]);
  backplane.unreachable = true;
  assertEquals(await read(await ask()), [503, "backplane\n"]);
  backplane.unreachable = false;
  await engine.connect({ channels: ["a"] });
  const closing = engine.close({ over: 60_000 });
  assertEquals(await read(await ask()), [503, "draining\n"]);
  await engine.close();
  await closing;
  assertEquals(await read(await ask()), [503, "draining\n"]);
});
