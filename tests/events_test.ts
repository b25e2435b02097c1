/** Listeners: some decide, all others only observe. */
import { assertEquals, assertRejects } from "@std/assert";
import type { Connection } from "../src/connection.ts";
import { PushError } from "../src/errors.ts";
import { Events } from "../src/events.ts";
import { test, turn } from "./harness.ts";
import { frameOf } from "./recorder.ts";
import { SmallNode } from "./small_node.ts";

const candidate = { id: "x", identity: undefined, channels: ["a"] };

function connection(): Connection {
  return new SmallNode().connection("a");
}

test("emit() calls every listener, in the order in which they came", () => {
  const events = new Events();
  const heard: unknown[] = [];
  events.on("message", ({ seq }) => void heard.push(["first", seq]));
  events.on("message", ({ seq }) => void heard.push(["second", seq]));
  events.emit("message", frameOf(3));
  assertEquals(heard, [["first", 3], ["second", 3]]);
});

test("on() returns what removes this listener, and no other", () => {
  const events = new Events();
  let count = 0;
  const listener = () => void count++;
  const off = events.on("message", listener);
  events.on("message", listener);
  events.emit("message", frameOf(1));
  assertEquals(count, 2, "added twice, called twice");
  off();
  off();
  events.emit("message", frameOf(2));
  assertEquals(count, 3);
});

test("emit() goes on if a listener throws, and tells error listeners", () => {
  const events = new Events();
  const errors: unknown[] = [];
  const heard: number[] = [];
  const failure = new Error("no");
  events.on("error", (error) => void errors.push(error));
  events.on("message", () => {
    throw failure;
  });
  events.on("message", ({ seq }) => void heard.push(seq));
  events.emit("message", frameOf(1));
  assertEquals([errors, heard], [[failure], [1]]);
});

test("emit() tells error listeners of a listener that rejects", async () => {
  const events = new Events();
  const errors: unknown[] = [];
  events.on("error", (error) => void errors.push(error));
  events.on("drop", async () => {
    await Promise.resolve();
    throw "later";
  });
  events.emit("drop", connection(), "left");
  assertEquals(errors, [], "nobody waits for it");
  await turn();
  assertEquals(errors, ["later"]);
});

test("emit() takes no veto from those who only observe", () => {
  const events = new Events();
  const heard: string[] = [];
  events.on("connect", () => (heard.push("one"), false) as unknown as void);
  events.on("connect", () => void heard.push("two"));
  events.emit("connect", connection());
  assertEquals(heard, ["one", "two"]);
});

/** What is written to the console while `body` runs. */
async function printed(body: () => void): Promise<unknown[][]> {
  const { error } = console;
  const lines: unknown[][] = [];
  console.error = (...line: unknown[]) => void lines.push(line);
  try {
    body();
    await turn();
  } finally {
    console.error = error;
  }
  return lines;
}

test("errors without a listener go to the console", async () => {
  const events = new Events();
  const lines = await printed(() => events.emit("error", "lost"));
  assertEquals(lines, [["halley:", "lost"]]);
});

test("an error listener that fails itself goes to the console, once", async () => {
  const events = new Events();
  events.on("error", () => {
    throw "worse";
  });
  const lines = await printed(() => events.emit("error", "bad"));
  assertEquals(lines, [["halley:", "worse"]]);
});

test("ask() is refused by the first listener that returns false, and only by false", () => {
  const events = new Events();
  const asked: unknown[] = [];
  const it = connection();
  assertEquals(events.ask(it, "left"), true);
  events.on("beforeDrop", (_, reason) => void asked.push(reason));
  assertEquals(events.ask(it, "left"), true);
  const off = events.on("beforeDrop", () => false);
  events.on("beforeDrop", () => void asked.push("not reached"));
  assertEquals([events.ask(it, "expired"), asked], [false, [
    "left",
    "expired",
  ]]);
  off();
  assertEquals(events.ask(it, "kicked"), true);
});

test("admit() waits for each listener in turn, and for none after a refusal", async () => {
  const events = new Events();
  const asked: string[] = [];
  assertEquals(await events.admit(candidate), true);
  events.on("beforeConnect", async ({ id }) => {
    await turn();
    asked.push(id);
  });
  const off = events.on("beforeConnect", () => Promise.resolve(false));
  events.on("beforeConnect", () => void asked.push("last"));
  assertEquals([await events.admit(candidate), asked], [false, ["x"]]);
  off();
  assertEquals([await events.admit(candidate), asked], [true, [
    "x",
    "x",
    "last",
  ]]);
});

test("admit() rejects with what a beforeConnect listener throws", async () => {
  const events = new Events();
  events.on("beforeConnect", () => {
    throw new PushError("unauthorized");
  });
  const error = await assertRejects(() => events.admit(candidate), PushError);
  assertEquals(error.code, "unauthorized");
});
