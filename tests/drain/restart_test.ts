/** A restart of the only server: 10,000 clients come back without a stampede. */
import { assert, assertEquals } from "@std/assert";
import { Child, standalone } from "../http/child.ts";
import { listen } from "../http/halley.ts";
import { command, type Runtime, RUNTIMES, test, until } from "../outside.ts";

const CLIENTS = 10_000;
const RATE = 1_000;
const DRAIN = 2_000;
/** Long enough that the new server is there when the first ask, in ms. */
const DOWNTIME = 8_000;

/** How long a server takes to be gone after its last client, in ms. */
const GRACE = 1_000;

function serverCommand(runtime: Runtime): string[] {
  return command(runtime, runtime === "deno" ? "src/start.ts" : "src/main.ts");
}

for (const runtime of RUNTIMES) {
  test(`${CLIENTS} clients of a ${runtime} server come back after a restart, no more than ${RATE} a second`, async () => {
    const env = {
      HALLEY_DRAIN: `${DRAIN}`,
      HALLEY_DOWNTIME: `${DOWNTIME}`,
      HALLEY_RECONNECT_RATE: `${RATE}`,
    };
    const own = serverCommand(runtime);
    await using first = await standalone(env, () => own);
    const { port, url } = first;
    const arguments_ = [`${port}`, `${CLIENTS}`];
    const crowd = command("deno", "tests/drain/crowd.ts");
    await using clients = new Child([...crowd, ...arguments_]);
    await clients.says("all there");
    const ready = `http://127.0.0.1:${port}/readyz`;
    assertEquals(await (await fetch(ready)).text(), "ready\n");
    const began = performance.now();
    first.child.kill("SIGTERM");
    const told = await until(async () => {
      const response = await fetch(ready);
      const text = await response.text();
      return response.status === 503 && text;
    });
    assertEquals(told, "draining\n");
    // Who comes meanwhile is asked back when the others are, and lives on.
    const late = await listen(`${url}/late`);
    assertEquals(late.response.status, 200);
    const { code, after } = await late.frame("close");
    assertEquals([code, after >= DOWNTIME], ["shutdown", true]);
    assertEquals(late.retry, after);
    assertEquals(await first.child.exit, 0);
    const took = performance.now() - began;
    assert(took < DRAIN + GRACE + 2_000, `${took} ms`);
    const again = { ...env, PORT: `${port}` };
    await using _restarted = new Child(own, again);
    const said = await clients.says("all there again");
    const lag = Number(/again, (\d+) late:/.exec(said)![1]);
    // Counted when they set out: under load a server may take them later. Where they
    // were held up themselves, those of a longer time set out together.
    const came = said.trim().split(": ").at(-1)!.split(",").map(Number);
    const most = RATE * (1 + lag / 1_000);
    assert(Math.max(...came) <= most, `${came}, ${lag} ms late`);
    // And it did not take much longer than that rate asks for.
    assert(came.length <= 3 * CLIENTS / RATE, `${came}`);
    // The new server has let in each of them, and none twice.
    const metrics = await fetch(`http://127.0.0.1:${port}/metrics`);
    const text = await metrics.text();
    const there = [...text.matchAll(/^halley_connections{.*} ([0-9]+)$/gm)]
      .reduce((sum, [, number]) => sum + Number(number), 0);
    assertEquals(there, CLIENTS);
  });
}
