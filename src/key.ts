/**
 * Random names: keys, which are secret; ids, which are a hash of a key; epochs.
 * @module
 */
import { createHash, customAlphabet } from "./deps.ts";

const ALPHABET =
  "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** A new secret key: 24 letters and digits, 142 random bits. */
export const newKey: () => string = customAlphabet(ALPHABET, 24);

/** The name of a new order. */
export const newEpoch: () => string = customAlphabet(ALPHABET, 10);

/** The name of a node, new each time one starts. */
export const newNodeId: () => string = customAlphabet(ALPHABET, 10);

/** Whether `key` has the form of a key; a client cannot choose a weak one. */
export function isKey(key: string): boolean {
  return /^[0-9A-Za-z]{24}$/.test(key);
}

/** The public id that belongs to `key`: any node can verify it. */
export function idOfKey(key: string): string {
  return createHash("sha256").update(key).digest().toString("base64url", 0, 16);
}
