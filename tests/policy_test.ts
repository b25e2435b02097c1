/** Who may do what, where no policy says otherwise and where one does. */
import { assertEquals } from "@std/assert";
import { createEngine } from "../src/engine.ts";
import { type Action, allows, type Policy } from "../src/policy.ts";
import { manualClock, test } from "./harness.ts";

const actions: Action[] = [
  "subscribe",
  "publish",
  "send",
  "sendAll",
  "history",
  "presence",
];
const clock = manualClock();

test("allows() lets everybody listen, and only server code publish, by default", async () => {
  for (const policy of [{}, { identify: () => undefined }]) {
    const answers = await Promise.all(
      actions.map((action) => allows(policy, action, "a", undefined)),
    );
    const granted = actions.filter((_, i) => answers[i]);
    assertEquals(granted, ["subscribe", "history"]);
  }
});

test("allows() asks the policy for every action, with name and identity", async () => {
  const asked: unknown[] = [];
  const policy: Policy = {
    allow(action, name, identity) {
      asked.push([action, name, identity?.subject]);
      return Promise.resolve(action === "publish");
    },
  };
  const ann = { subject: "ann" };
  assertEquals(await allows(policy, "publish", "a", ann), true);
  assertEquals(await allows(policy, "subscribe", "a/*", undefined), false);
  assertEquals(asked, [
    ["publish", "a", "ann"],
    ["subscribe", "a/*", undefined],
  ]);
});

test("server code that publishes is not asked", async () => {
  const engine = createEngine({ clock, policy: { allow: () => false } });
  await engine.publish("a", 1);
  await engine.sendToAll("a", 1);
  assertEquals((await engine.history("a")).frames.length, 1);
});
