/** How many connections fit: the lines, and where they meet the limits. */
import { assertEquals, assertThrows } from "@std/assert";
import { answer, checkRows } from "../../bench/report/sizing.ts";
import {
  allowed,
  bound,
  judgeable,
  modelOf,
  nearest,
  UnknownError,
} from "../../bench/size.ts";
import { line, median } from "../../bench/statistics.ts";
import { test } from "../harness.ts";

/** 40 MB and 6 kB each; 1 % and 4 % per 1,000; 5 ms and 10 ms per 1,000. */
const points = [1_000, 2_000, 3_000].map((connections) => ({
  connections,
  metrics: {
    rssPeak: 40e6 + 6_000 * connections,
    serverCpu: 1 + 0.004 * connections,
    latencyP99: 5 + 0.01 * connections,
  },
}));

const limits = { memory: 100e6, cpu: 81, p99: 255, descriptors: 20_000 };

test("a model finds the lines that the measurements lie on", () => {
  const model = modelOf(points);
  assertEquals(Math.round(model.memory!.at0), 40e6);
  assertEquals(Math.round(model.memory!.slope), 6_000);
  assertEquals(model.cpu!.slope.toFixed(9), "0.004000000");
});

test("the first limit that a line reaches says how many fit", () => {
  const fits = allowed(modelOf(points), limits);
  const rounded = Object.entries(fits).map(([k, v]) => [k, Math.round(v)]);
  assertEquals(Object.fromEntries(rounded), {
    memory: 10_000,
    cpu: 20_000,
    p99: 25_000,
    descriptors: 19_900,
  });
  assertEquals(bound({ ...fits, memory: 10_000 }), {
    name: "memory",
    connections: 10_000,
  });
});

test("where a line bends, another prediction goes by the nearest sizes", () => {
  const bent = [...points, {
    connections: 25_000,
    metrics: { rssPeak: 190e6, serverCpu: 101, latencyP99: 700 },
  }];
  const near = nearest(bent, 25_000);
  assertEquals(
    near.map(({ connections }) => connections),
    [25_000, 3_000, 2_000],
  );
  const { p99 } = allowed(modelOf(near), limits);
  assertEquals(p99! > 3_000 && p99! < 25_000, true);
});

test("what does not grow, and what is not limited, limits nothing", () => {
  const flat = points.map(({ connections, metrics }) => ({
    connections,
    metrics: { ...metrics, latencyP99: 7 },
  }));
  const fits = allowed(modelOf(flat), { ...limits, memory: Infinity });
  assertEquals([fits.p99, fits.memory], [Infinity, Infinity]);
  assertEquals(bound(fits).name, "descriptors");
});

test("a limit that is broken without any connection allows none", () => {
  const fits = allowed(modelOf(points), { ...limits, memory: 30e6 });
  assertEquals(bound(fits), { name: "memory", connections: 0 });
  const same = modelOf([points[0]!, points[0]!]);
  assertEquals(allowed(same, { ...limits, cpu: 4 }).cpu, 0);
});

test("a limit of which nothing was measured is refused, and no limit is not", () => {
  const [point] = points;
  judgeable(point!, limits);
  const unknown = { ...point!, metrics: { latencyP99: 5 } };
  judgeable(unknown, { ...limits, memory: Infinity, cpu: Infinity });
  assertThrows(() => judgeable(unknown, limits), UnknownError, "--memory");
});

/** What was tried out. */
const tried = {
  limits: {},
  allowed: {},
  predicted: 30_000,
  checkedAt: 19_900,
  clean: true,
  bound: "memory",
  model: {},
  check: [
    { name: "peak memory, MB", predicted: 100, measured: 108, limit: 160 },
    { name: "p99 latency, ms", predicted: 50, measured: 45, limit: null },
  ],
};

test("a prediction is shown beside what happened, and so are those before it", () => {
  const [memory, p99] = tried.check;
  const off = { ...memory!, measured: 140 };
  const before = [{ ...tried, checkedAt: 12_000, check: [off, p99!] }];
  const sizing = { ...tried, before };
  assertEquals(
    answer(sizing),
    "30,000 connections fit; what ends first is memory; tried out at 19,900, " +
      "which is what this machine allows; a prediction for 12,000 before that " +
      "was off by 40 %",
  );
  assertEquals(checkRows(sizing).map((row) => row[3]), ["+8 %", "−10 %"]);
});

test("what was over its limit, or went wrong, when it was tried is said", () => {
  const [memory] = tried.check;
  const check = [{ ...memory!, limit: 100 }];
  assertEquals(
    answer({ ...tried, checkedAt: 30_000, check, clean: false, before: [] }),
    "30,000 connections fit; what ends first is memory; tried out at that " +
      "size; peak memory was 8 % over its limit there; not every delivery " +
      "was as it should be there",
  );
});

test("a median is in the middle, and a line goes through the middle", () => {
  assertEquals([median([3, 1, 2]), median([4, 1, 2, 3])], [2, 2.5]);
  assertEquals(line([[0, 1], [1, 1], [2, 4]]), { at0: 0.5, slope: 1.5 });
});
