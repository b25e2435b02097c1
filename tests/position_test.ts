/** Ids on the wire: decision 1, O3. */
import { assertEquals } from "@std/assert";
import { formatId, parseId } from "../src/position.ts";
import { test } from "./harness.ts";

test("parseId() reads what formatId() has written", () => {
  for (const seq of [0, 1, 42, Number.MAX_SAFE_INTEGER]) {
    const id = formatId("Ab9", seq);
    assertEquals(id, `Ab9-${seq}`);
    assertEquals(parseId(id), { epoch: "Ab9", seq });
  }
});

test("parseId() takes what is not of our form for a foreign epoch (O3)", () => {
  const foreign = [
    "",
    "7",
    "-7",
    "a-",
    "a-b",
    "a-01",
    "a--1",
    "a-1.5",
    "a-1e3",
    " a-1",
    "a-1\n",
    "a_b-1",
    "a-b-1",
    `${"x".repeat(41)}-1`,
    "a-9007199254740992",
    "a-12345678901234567",
  ];
  for (const id of foreign) {
    assertEquals(parseId(id), undefined, JSON.stringify(id));
  }
});
