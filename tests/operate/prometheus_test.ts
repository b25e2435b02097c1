/** What Prometheus reads. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { createEngine } from "../../src/engine.ts";
import { instruments } from "../../src/operate/metrics.ts";
import { metrics } from "../../src/operate/prometheus.ts";
import { createRouter } from "../../src/router.ts";
import { HandBackplane } from "../hand_backplane.ts";
import { manualClock, test, turn } from "../harness.ts";
import { Reading } from "../transport/reading.ts";

const LINE = /^([a-z_]+)(?:\{([a-z_]+)="([^"\\]*)"\})? ([0-9.e+-]+)$/;

/** Every sample by its name and label, as a parser of the format reads them. */
function parse(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  let family = "";
  for (const line of text.trimEnd().split("\n")) {
    if (line.startsWith("# HELP ")) {
      [, , family = ""] = line.split(" ");
      assertMatch(line, /^# HELP [a-z_]+ [A-Z1].*\.$/);
    } else if (line.startsWith("# TYPE ")) {
      assertMatch(line, /^# TYPE [a-z_]+ (counter|gauge|histogram)$/);
      assertEquals(line.split(" ")[2], family);
    } else {
      const [, name = "", label, value, number] = LINE.exec(line) ?? [];
      assert(name.startsWith(family), line);
      const key = label ? `${name}{${value}}` : name;
      assert(!samples.has(key), `${line} comes twice`);
      samples.set(key, Number(number));
    }
  }
  return samples;
}

function setup(backplane?: HandBackplane) {
  const clock = manualClock();
  const policy = { allow: () => true };
  const engine = createEngine({
    clock,
    policy,
    linger: 1_000,
    ...(backplane && { backplane }),
  });
  const router = createRouter(engine);
  const read = metrics(engine);
  const samples = async () => parse(await (await read()).text());
  return { clock, engine, router, read, samples };
}

test("metrics() answers in the text format, every instrument with its help", async () => {
  const { engine, read } = setup();
  const response = await read();
  const type = response.headers.get("content-type");
  assertEquals(type, "text/plain; version=0.0.4; charset=utf-8");
  const text = await response.text();
  parse(text);
  for (const { help } of instruments) assert(text.includes(help), help);
  await engine.close();
});

test("metrics() counts who is there, what is published, and what goes out", async () => {
  const { clock, engine, router, samples } = setup();
  // Nobody reads this one: it has no room for a message.
  const sse = await router.request("/a");
  const lines = new Reading(await router.request("/a?transport=stream"));
  await router.request("/a?transport=poll");
  await engine.publish("a", "x");
  await engine.publish("b", "x");
  await turn();
  const text = await lines.text() + await lines.text();
  const before = await samples();
  const of = (name: string) => before.get(`halley_${name}`);
  assertEquals(of("connections{sse}"), 1);
  assertEquals(of("connections{stream}"), 1);
  assertEquals(of("connections{poll}"), 0);
  assertEquals(of("connections{away}"), 1);
  assertEquals(of("opens_total{poll}"), 1);
  assertEquals(of("messages_total"), 2);
  assertEquals(of("deliveries_total"), 1);
  assert(of("sent_bytes_total")! > text.length);
  assertEquals(of("publish_latency_seconds_count"), 1);
  assertEquals(of("logs"), 3);
  await sse.body!.cancel();
  clock.advance(2_000);
  const after = await samples();
  assertEquals(after.get("halley_drops_total{expired}"), 2);
  assertEquals(after.get("halley_connections{sse}"), 0);
  assert(after.get("halley_loop_lag_seconds_count")! >= 1);
  await lines.cancel();
  await engine.close();
});

test("metrics() counts resumes by how far back they reach, and resets", async () => {
  const { engine, router, samples } = setup();
  const id = await engine.publish("a", 0);
  for (let n = 0; n < 20; n++) await engine.publish("a", n);
  for (const since of [engine.node.id, id, "other-7"]) {
    await router.request(`/a?transport=poll&wait=0&since=${since}`);
  }
  const found = await samples();
  const buckets = ["0", "1", "10", "100", "+Inf"].map((bound) =>
    found.get(`halley_resume_distance_bucket{${bound}}`)
  );
  assertEquals(buckets, [1, 1, 1, 2, 2]);
  assertEquals(found.get("halley_resume_distance_sum"), 20);
  assertEquals(found.get("halley_resets_total"), 1);
  await engine.close();
});

test("metrics() counts refusals by code", async () => {
  const { engine, router, samples } = setup();
  await router.request("/a*b");
  await router.request("/a", { method: "PUT" });
  await router.request("/a?transport=poll&key=x");
  await router.request("/a?transport=poll&key=y");
  const found = await samples();
  const codes = [...found].filter(([name]) => name.includes("refusals"));
  assertEquals(codes, [
    ["halley_refusals_total{invalid_channel}", 1],
    ["halley_refusals_total{method_not_allowed}", 1],
    ["halley_refusals_total{invalid_request}", 2],
  ]);
  await engine.close();
});

test("metrics() tells of readers that lag, and of those that were given up", async () => {
  const { clock, engine, router, samples } = setup();
  const stalled = await router.request("/a");
  for (let n = 0; n < 3; n++) {
    await engine.publish("a", n);
    await turn();
  }
  clock.advance(1_000);
  const lagging = await samples();
  assertEquals(lagging.get("halley_lagging"), 1);
  clock.advance(40_000);
  const given = await samples();
  assertEquals(given.get("halley_lagging"), 0);
  assertEquals(given.get("halley_slow_total"), 1);
  assertEquals(given.get("halley_stalled"), 1);
  await stalled.body!.cancel();
  await engine.close();
});

test("metrics() tells whether the backplane answers, and that a node goes away", async () => {
  const backplane = new HandBackplane();
  const { engine, samples } = setup(backplane);
  const state = async () => {
    const found = await samples();
    return ["backplane_up", "backplane_behind", "draining"].map((name) =>
      found.get(`halley_${name}`)
    );
  };
  assertEquals(await state(), [1, 0, 0]);
  backplane.feeding = false;
  backplane.add("a");
  assertEquals(await state(), [1, 1, 0]);
  backplane.unreachable = true;
  assertEquals((await state())[0], 0);
  await engine.close();
  assertEquals((await state())[2], 1);
});

test("metrics() has no more series for more channels and connections", async () => {
  const { engine, router, samples } = setup();
  const visit = async (n: number) => {
    const names = `channel=c${n}&channel=d${n}/*`;
    const response = await router.request(`/?${names}&since=x${n}-1`);
    await engine.publish(`c${n}`, n);
    await router.request(`/c${n}?key=${n}`);
    return response;
  };
  const responses = [await visit(0)];
  const few = (await samples()).size;
  for (let n = 1; n < 300; n++) responses.push(await visit(n));
  assertEquals((await samples()).size, few);
  for (const { body } of responses) await body!.cancel();
  await engine.close();
});
