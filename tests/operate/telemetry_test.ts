/** What OpenTelemetry reads, with its real SDK. */
import { assert, assertEquals } from "@std/assert";
import { metrics } from "npm:@opentelemetry/api@^1.10.0";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "npm:@opentelemetry/sdk-metrics@^3.1.0";
import { createEngine } from "../../src/engine.ts";
import { instruments } from "../../src/operate/metrics.ts";
import { createRouter } from "../../src/router.ts";
import { telemetry } from "../../src/operate/telemetry.ts";
import { test } from "../harness.ts";

function setup() {
  const engine = createEngine();
  const exporter = new InMemoryMetricExporter(
    AggregationTemporality.CUMULATIVE,
  );
  const reader = new PeriodicExportingMetricReader({
    exporter,
    exportIntervalMillis: 1_000_000,
    exportTimeoutMillis: 10_000,
  });
  const provider = new MeterProvider({ readers: [reader] });
  const stop = telemetry(engine, provider.getMeter("halley"));
  /** What is exported now, by name. */
  const collect = async () => {
    exporter.reset();
    await reader.forceFlush();
    const [exported] = exporter.getMetrics();
    const found = exported?.scopeMetrics[0]?.metrics ?? [];
    return new Map(found.map((each) => [each.descriptor.name, each]));
  };
  const end = async () => {
    await provider.shutdown();
    await engine.close();
  };
  return { engine, router: createRouter(engine), stop, collect, end };
}

test("telemetry() reports the same instruments to an SDK, with unit and help", async () => {
  const { engine, router, collect, end } = setup();
  const response = await router.request("/a");
  await router.request("/a*b");
  const id = await engine.publish("a", 1);
  await router.request(`/a?transport=poll&wait=0&since=${id}`);
  engine.node.meters.refused.set("address.opens", 1);
  engine.node.counts.loopLag.observe(0.02);
  engine.node.counts.latency.observe(0.001);
  engine.drop([...engine.connections.keys()][0]!);
  engine.node.meters.refused.set("address.opens", 1);
  const found = await collect();
  for (const { name, unit, help } of instruments) {
    const { descriptor } = found.get(name)!;
    assertEquals([descriptor.unit, descriptor.description], [unit, help]);
  }
  const points = (name: string) =>
    found.get(name)!.dataPoints.map(({ value, attributes }) => [
      value,
      attributes,
    ]);
  assertEquals(points("halley.messages"), [[1, {}]]);
  assertEquals(points("halley.refusals"), [[1, { code: "invalid_channel" }]]);
  assertEquals(points("halley.opens"), [
    [1, { transport: "sse" }],
    [1, { transport: "poll" }],
  ]);
  const [lag] = found.get("halley.loop.lag")!.dataPoints;
  // deno-lint-ignore no-explicit-any
  const { buckets, sum } = lag!.value as any;
  assertEquals(sum, 0.02);
  assertEquals(buckets.boundaries, engine.node.counts.loopLag.bounds);
  await response.body!.cancel();
  await end();
});

test("telemetry() that is stopped reports nothing more", async () => {
  const { engine, stop, collect, end } = setup();
  assert((await collect()).size > 0);
  stop();
  await engine.publish("a", 1);
  engine.node.counts.loopLag.observe(1);
  assertEquals((await collect()).get("halley.loop.lag"), undefined);
  assertEquals(engine.node.counts.loopLag.listeners.size, 0);
  await end();
});

test("telemetry() does nothing without an SDK", async () => {
  const engine = createEngine();
  const stop = telemetry(engine, metrics.getMeter("halley"));
  await engine.publish("a", 1);
  stop();
  await engine.close();
});
