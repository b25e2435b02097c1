/** Keys are secret, ids are their hashes. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { idOfKey, isKey, newEpoch, newKey } from "../src/key.ts";
import { parseId } from "../src/position.ts";
import { test } from "./harness.ts";

test("newKey() is another key each time, of 24 letters and digits", () => {
  const keys = [...Array(100)].map(() => newKey());
  assertEquals(new Set(keys).size, 100);
  assert(keys.every((key) => /^[0-9A-Za-z]{24}$/.test(key) && isKey(key)));
});

test("newEpoch() is another epoch each time, and makes ids of our form", () => {
  const epochs = [...Array(100)].map(() => newEpoch());
  assertEquals(new Set(epochs).size, 100);
  for (const epoch of epochs) assertEquals(parseId(`${epoch}-1`)?.epoch, epoch);
});

test("isKey() takes nothing that a client could have made up more easily", () => {
  const key = newKey();
  const wrong = [
    "",
    "x",
    key.slice(1),
    `${key}0`,
    `${key.slice(1)}-`,
    `${key}\n`,
  ];
  for (const text of wrong) assert(!isKey(text), JSON.stringify(text));
});

test("idOfKey() is another id for another key, fit for a URL", () => {
  const [one, two] = [newKey(), newKey()];
  assertNotEquals(idOfKey(one), idOfKey(two));
  assert(/^[0-9A-Za-z_-]{22}$/.test(idOfKey(one)));
});

test("idOfKey() is the first 16 bytes of the key's SHA-256", async () => {
  const key = newKey();
  const bytes = new TextEncoder().encode(key);
  const hash = await crypto.subtle.digest("SHA-256", bytes);
  const first = String.fromCharCode(...new Uint8Array(hash).slice(0, 16));
  const expected = btoa(first).replaceAll("+", "-").replaceAll("/", "_")
    .replaceAll("=", "");
  assertEquals(idOfKey(key), expected);
});
