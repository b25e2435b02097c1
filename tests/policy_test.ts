/** Who may do what, where no policy says otherwise and where one does. */
import { assertEquals } from "@std/assert";
import { createEngine } from "../src/engine.ts";
import { type Action, allowedByDefault, type Policy } from "../src/policy.ts";
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

test("allowedByDefault() lets everybody listen, and only server code publish", () => {
  assertEquals(actions.filter(allowedByDefault), ["subscribe", "history"]);
});

test("allows() goes by the default without a policy, or without allow", async () => {
  for (const options of [{ clock }, { clock, policy: {} }]) {
    const engine = createEngine(options);
    const answers = actions.map((action) =>
      engine.allows(action, "a", undefined)
    );
    assertEquals(await Promise.all(answers), actions.map(allowedByDefault));
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
  const engine = createEngine({ clock, policy });
  const ann = { subject: "ann" };
  assertEquals(await engine.allows("publish", "a", ann), true);
  assertEquals(await engine.allows("subscribe", "a/*", undefined), false);
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
