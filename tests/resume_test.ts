/** Where a client goes on that comes with an id: O3. */
import { assertEquals, assertRejects } from "@std/assert";
import type { Backplane } from "../src/backplane.ts";
import { PushError } from "../src/errors.ts";
import type { Position } from "../src/position.ts";
import { GONE, locate } from "../src/resume.ts";
import { test } from "./harness.ts";

const node = { epoch: "e1", applied: 10 };

/** A backplane that stands at `top`, and counts who asks. */
function standing(top: Position | undefined) {
  const asked = { count: 0 };
  const backplane: Pick<Backplane, "top"> = {
    top: () => {
      asked.count++;
      return top ?? Promise.reject(new Error("secret address unreachable"));
    },
  };
  return { asked, backplane: backplane as Backplane };
}

test("a place that this node has applied is known without asking anyone", async () => {
  const { asked, backplane } = standing(undefined);
  for (const seq of [0, 5, 10]) {
    const start = await locate(`e1-${seq}`, node, backplane);
    assertEquals(start, { epoch: "e1", seq, early: false });
  }
  assertEquals(asked.count, 0);
});

test("a place above the node's, but not above the order's, is legitimate", async () => {
  const { backplane } = standing({ epoch: "e1", seq: 12 });
  for (const seq of [11, 12]) {
    const start = await locate(`e1-${seq}`, node, backplane);
    assertEquals(start, { epoch: "e1", seq, early: false });
  }
});

test("a place above the order's own top is of an order that is lost", async () => {
  const { backplane } = standing({ epoch: "e1", seq: 12 });
  assertEquals(await locate("e1-13", node, backplane), GONE);
});

test("a place of an epoch that this node has not reached yet is early", async () => {
  const { backplane } = standing({ epoch: "e2", seq: 3 });
  const start = await locate("e2-3", node, backplane);
  assertEquals(start, { epoch: "e2", seq: 3, early: true });
  assertEquals(await locate("e2-4", node, backplane), GONE);
});

test("a place of any other epoch is gone", async () => {
  const { backplane } = standing({ epoch: "e1", seq: 12 });
  assertEquals(await locate("e0-3", node, backplane), GONE);
});

test("an id that is not of our form is gone, without asking anyone", async () => {
  const { asked, backplane } = standing({ epoch: "e1", seq: 12 });
  for (const id of ["", "x", "12", "e1-", "e1-1-1"]) {
    assertEquals(await locate(id, node, backplane), GONE);
  }
  assertEquals(asked.count, 0);
});

test("a place that the node reaches while it is asked for is where it stands", async () => {
  const moving = { epoch: "e1", applied: 10 };
  const backplane = {
    top: () => {
      Object.assign(moving, { epoch: "e2", applied: 4 });
      return Promise.resolve({ epoch: "e2", seq: 4 });
    },
  } as unknown as Backplane;
  const start = await locate("e2-4", moving, backplane);
  assertEquals(start, { epoch: "e2", seq: 4, early: false });
});

test("a backplane out of reach is a refusal that can be retried, not a reset", async () => {
  const { backplane } = standing(undefined);
  const error = await assertRejects(
    () => locate("e1-11", node, backplane),
    PushError,
  );
  assertEquals([error.code, error.retryAfter], ["unavailable", 1_000]);
  assertEquals(error.message.includes("secret"), false);
});
