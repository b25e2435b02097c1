/**
 * One commit of `denoKv()`: what changes, and whether Deno KV takes as much at once.
 * Its limits: 1,000 changes, 819,200 bytes, 81,920 bytes of keys, 65,536 a value.
 * @module
 */
import { Buffer } from "../deps.ts";
import type { KvEntry, KvKey, KvLike } from "./kv_shape.ts";

/** With a tenth to spare, as sizes are estimates. */
const CHANGES = 900;
const BYTES = 730_000;
const KEYS = 73_000;

/** What new messages may take of a commit; the rest is for trimming. */
const SHARE = 0.7;

interface Change {
  readonly key: KvKey;
  readonly value?: unknown;
  readonly expireIn?: number | undefined;
}

/** Changes that are made together. */
export class Writes {
  readonly #changes: Change[] = [];
  #bytes = 0;
  #keys = 0;

  /** Sets a value of about `size` bytes, for `expireIn` ms if that is given. */
  set(key: KvKey, value: unknown, size: number, expireIn?: number): void {
    this.#changes.push({ key, value, expireIn });
    this.#bytes += size;
    this.#count(key);
  }

  delete(key: KvKey): void {
    this.#changes.push({ key });
    this.#count(key);
  }

  #count(key: KvKey): void {
    for (const part of key) {
      const size = typeof part === "string" ? Buffer.byteLength(part) + 2 : 9;
      this.#keys += size;
      this.#bytes += size;
    }
  }

  /** Whether another message of `size` bytes, in so many parts, finds room. */
  takes(size: number, parts: number): boolean {
    return this.#changes.length + parts + 5 < CHANGES * SHARE &&
      this.#bytes + size + 3_000 < BYTES * SHARE &&
      this.#keys + 2_000 + 50 * parts < KEYS * SHARE;
  }

  /** Whether something more can be dropped with it. */
  get spacious(): boolean {
    return this.#changes.length < CHANGES && this.#bytes < BYTES &&
      this.#keys < KEYS;
  }

  /** Makes the changes if `entry` is still what lies under `key`. */
  async commit(
    kv: KvLike,
    key: KvKey,
    entry: KvEntry,
  ): Promise<string | undefined> {
    const atomic = kv.atomic();
    atomic.check({ key, versionstamp: entry.versionstamp });
    for (const { key, value, expireIn } of this.#changes) {
      if (value === undefined) atomic.delete(key);
      else if (expireIn === undefined) atomic.set(key, value);
      else atomic.set(key, value, { expireIn });
    }
    const result = await atomic.commit();
    return result.ok ? result.versionstamp : undefined;
  }
}
