/** How what is known of a node changes by what it says. */
import { assert, assertEquals } from "@std/assert";
import {
  type Change,
  forget,
  hasMoved,
  learn,
} from "../../src/cluster/learn.ts";
import { Members } from "../../src/cluster/members.ts";
import type { Said } from "../../src/cluster/said.ts";
import { test } from "../harness.ts";

function setup() {
  const members = new Members("self");
  const node = members.node("one");
  let number = 0;
  const changes: Change[] = [];
  const say = (said: Partial<Said>) => {
    const whole = { node: "one", number: ++number, time: 0, ...said };
    learn(members, node, whole, (change) => void changes.push(change));
  };
  return { members, node, say, changes };
}

test("connections come, change and leave, and each change is told", () => {
  const { node, say, changes } = setup();
  const lists = [["a"], ["b"]];
  say({ lists, joined: [["x", 0, 0, 0, "ann"], ["y", 1, "poll", 5]] });
  say({ lists, joined: [["x", 1, 0, 0, "ann"]], left: ["y", "nobody"] });
  assertEquals([...node.members.keys()], ["x"]);
  assertEquals(changes.slice(0, 4), [
    { id: "x", subject: "ann", before: [], after: ["a"] },
    { id: "y", subject: undefined, before: [], after: ["b"] },
    { id: "x", subject: "ann", before: ["a"], after: ["b"] },
    { id: "y", subject: undefined, before: ["b"], after: [] },
  ]);
});

test("whoever is at another node, too, does not leave with one", () => {
  const { members, node, say, changes } = setup();
  members.set(members.node("two"), "x", undefined, ["a"]);
  say({ lists: [["a"]], joined: [["x", 0, 0, 0]] });
  forget(members, node, (change) => void changes.push(change));
  assertEquals(changes.at(-1)?.after, ["a"]);
  assertEquals(node.members.size, 0);
});

test("what a node does not name as it tells all is there no more, at its end", () => {
  const { node, say } = setup();
  const lists = [["a"]];
  say({ lists, joined: [["x", 0, 0, 0], ["y", 0, 0, 0]], watch: ["a", "b"] });
  say({ first: true, watch: ["b"], lists, joined: [["z", 0, 0, 0]] });
  assertEquals([[...node.members.keys()], node.told], [["x", "y", "z"], false]);
  say({ lists, joined: [["y", 0, 0, 0]], last: true });
  assertEquals([...node.members.keys()].sort(), ["y", "z"]);
  assertEquals([[...node.watched], node.told], [["b"], true]);
});

test("a connection has moved if its client has gone to another node since", () => {
  const here = { sink: undefined as unknown, channels: ["a"], awaySince: 500 };
  const said = { node: "one", number: 1, time: 1_000, lists: [["a"], ["b"]] };
  const moved = (
    at: typeof here,
    list: number,
    parked: 0 | "poll" | "stream",
    ago: number,
  ) => hasMoved(at, ["x", list, parked, ago], said, 100);
  assert(moved(here, 0, "stream", 499), "it streams there");
  assert(!moved(here, 0, "stream", 500), "it was away here last");
  assert(!moved(here, 0, "poll", 0), "it may poll here again");
  assert(moved(here, 1, "poll", 0), "it follows something else there");
  const parked = { ...here, sink: {} };
  assert(moved(parked, 0, "poll", 399), "this response was cut off unseen");
  assert(!moved(parked, 0, "poll", 400), "clocks differ");
  assert(!moved(parked, 1, 0, 0), "it is away there");
});
