/** A server and its load: what they need, and that nothing of them stays. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import process from "node:process";
import { descriptorLimit } from "../../bench/proc.ts";
import { scenarios } from "../../bench/scenarios.ts";
import { Stage } from "../../bench/stage.ts";
import type { Server, Subject } from "../../bench/subjects/table.ts";
import { runtime, test } from "../harness.ts";

const [{ plan }] = scenarios as [typeof scenarios[number]];

/** A program that is only started and ended. */
function program(): Subject & { ended: number } {
  return {
    name: "program",
    title: "a program",
    runtimes: ["native"],
    dialects: { sse: "sse" },
    subscribe: "/",
    publish: "/",
    direct: undefined,
    ownChannels: false,
    resumes: false,
    health: undefined,
    ended: 0,
    available: () => true,
    start(): Promise<Server> {
      const end = () => Promise.resolve(void this.ended++);
      const address = "127.0.0.1";
      const server = {
        pids: [process.pid],
        address,
        port: 1,
        orders: undefined,
      };
      return Promise.resolve({ ...server, end });
    },
  };
}

function staging(subject: Subject, connections: number) {
  const common = { subject, runtime, transport: "sse", settle: 0 } as const;
  return { ...common, heartbeat: 1_000, plan: { ...plan, connections } };
}

test("a stage says how many descriptors are missing, and ends what it started", async () => {
  const subject = program();
  const limit = descriptorLimit();
  const stage = Stage.start(staging(subject, limit));
  const refusal = await stage.then(() => undefined, (error) => error.message);
  assertMatch(
    refusal,
    new RegExp(`take ${limit + 100} descriptors .* ${limit}`),
  );
  assertEquals(subject.ended, 1);
});

test("a stage has several generators, and ends them with the server", async () => {
  const subject = program();
  const stage = await Stage.start(staging(subject, 100));
  assert(stage.generators.length >= 2);
  const own = [...stage.generators, stage.publisher];
  assert(own.every(({ rss }) => rss > 1e6));
  await stage.end();
  assertEquals(subject.ended, 1);
  const order = await stage.publisher.tell("clock").then(
    () => "obeyed",
    (error) => error.message,
  );
  assertMatch(order, /has ended/);
});

test("a stage refuses a transport that its program has not", async () => {
  const subject = program();
  const bad = { ...staging(subject, 10), transport: "poll" as const };
  const stage = await Stage.start(bad);
  const refusal = await stage.load(plan).then(() => "", (e) => e.message);
  assertEquals(refusal, "a program has no poll.");
  await stage.end();
});
