/** Who is connected to which node, as every node knows it. */
import { assertEquals, assertStrictEquals } from "@std/assert";
import { Members } from "../../src/cluster/members.ts";
import { test } from "../harness.ts";

function setup() {
  const members = new Members("self");
  const [one, two] = [members.node("one"), members.node("two")];
  const following = (channel: string) =>
    [...members.following(channel)].map(({ id }) => id).sort();
  return { members, one, two, following };
}

test("who follows a channel at other nodes is found by name and by pattern", () => {
  const { members, one, two, following } = setup();
  members.set(one, "x", "ann", ["a/b"]);
  members.set(two, "y", undefined, ["a/*", "c"]);
  members.set(members.self, "z", undefined, ["a/b"]);
  assertEquals(following("a/b"), ["x", "y"], "this node has its logs for that");
  assertEquals([following("c"), following("a")], [["y"], []]);
  members.set(two, "y", undefined, ["c"]);
  members.delete(one, "x");
  members.delete(one, "x");
  assertEquals([following("a/b"), following("c")], [[], ["y"]]);
});

test("a node that is gone is not brought back by those who had not heard of it yet", () => {
  const { members } = setup();
  members.mention(["two", "three"]);
  assertEquals([...members.nodes.keys()], ["self", "one", "two", "three"]);
  members.remove("three");
  members.mention(["three"]);
  assertEquals([...members.nodes.keys()], ["self", "one", "two"]);
  for (let n = 0; n < 1_000; n++) members.remove(`n${n}`);
  members.mention(["n999", "three"]);
  assertEquals(members.nodes.size, 4, "it is long ago");
});

test("a connection at several nodes follows what it does at any of them", () => {
  const { members, one, two } = setup();
  members.set(one, "x", "ann", ["a"]);
  members.set(two, "x", "ann", ["a", "b"]);
  assertEquals(members.namesOf("x"), ["a", "a", "b"]);
  assertEquals(members.elsewhere("x")?.subject, "ann");
  members.set(members.self, "z", undefined, []);
  assertEquals([members.elsewhere("z"), members.namesOf("z")], [undefined, []]);
});

test("those who follow the same share one list of names", () => {
  const { members, one, two } = setup();
  members.set(one, "x", undefined, ["a", "b"]);
  members.set(two, "y", undefined, ["a", "b"]);
  const names = () => [...members.following("a")].map(({ names }) => names);
  const [first, second] = names();
  assertStrictEquals(first, second);
  members.delete(one, "x");
  members.delete(two, "y");
  members.set(two, "y", undefined, ["a", "b"]);
  assertEquals(names(), [["a", "b"]]);
});

test("watched channels are found by name and by pattern, at whatever node", () => {
  const { members, one, two } = setup();
  one.watched.add("a/b").add("c");
  two.watched.add("a/d");
  members.self.watched.add("e");
  const watched = (...names: string[]) => [...members.watched(names)].sort();
  assertEquals(watched("a/b", "e", "x"), ["a/b", "e"]);
  assertEquals(watched("a/*"), ["a/b", "a/d"]);
  assertEquals(watched("**"), ["a/b", "a/d", "c", "e"]);
});

test("a node that has not told all owes it from its second beat on", () => {
  const { one } = setup();
  assertEquals([one.owes(), one.owes()], [false, true]);
  one.told = true;
  assertEquals(one.owes(), false);
});
