/** Whether any node has a connection: certain, or nobody knows. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { PushError } from "../../src/errors.ts";
import { Questions } from "../../src/cluster/questions.ts";
import { test } from "../harness.ts";

test("nobody has it once all who were asked have told all", async () => {
  const questions = new Questions();
  const answer = questions.ask("x", 0);
  assert(questions.due);
  questions.send();
  questions.asked(3, ["one", "two"]);
  questions.answered("one", 3);
  questions.answered("two", 2);
  questions.answered("three", 3);
  let answered = false;
  answer.then(() => answered = true);
  await Promise.resolve();
  assert(!answered, "two has answered an older question");
  questions.answered("two", 4);
  assertEquals(await answer, false);
});

test("somebody has it as soon as one says so", async () => {
  const questions = new Questions();
  const answer = questions.ask("x", 0);
  questions.found("y");
  questions.found("x");
  assertEquals([await answer, questions.due], [true, false]);
});

test("what is asked meanwhile waits for the next question", async () => {
  const questions = new Questions();
  const first = questions.ask("x", 0);
  questions.send();
  const second = questions.ask("y", 0);
  assert(!questions.due);
  questions.asked(1, []);
  assertEquals([await first, questions.due], [false, true]);
  questions.lost();
  questions.send();
  questions.asked(2, ["one"]);
  questions.answered("one");
  assertEquals(await second, false);
});

test("a question that is lost is asked again", async () => {
  const questions = new Questions();
  const answer = questions.ask("x", 0);
  questions.send();
  questions.asked(1, ["one"]);
  questions.lost();
  assert(questions.due);
  questions.answered("one", 1);
  questions.send();
  questions.asked(2, []);
  assertEquals(await answer, false);
});

test("nobody knows if the answer takes too long", async () => {
  const questions = new Questions();
  const answer = questions.ask("x", 1_000);
  const { code } = await assertRejects(() => {
    questions.sweep(5_999);
    questions.sweep(6_000);
    return answer;
  }, PushError);
  assertEquals(code, "unavailable");
});
