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

/** What new messages may take of a commit: so it can drop more than it adds. */
const SHARE = 0.4;

interface Change {
  readonly key: KvKey;
  readonly value?: unknown;
  readonly expireIn?: number | undefined;
}

/** Changes that are made together. */
export class Writes {
  readonly #changes: Change[] = [];
  #reserved = 0;
  #bytes = 0;
  #keys = 0;

  /** Sets a value of about `size` bytes, for `expireIn` ms if that is given. */
  set(key: KvKey, value: unknown, size: number, expireIn?: number): void {
    this.#changes.push({ key, value, expireIn });
    this.#bytes += size;
    this.#weigh(key);
  }

  delete(key: KvKey): void {
    this.#changes.push({ key });
    this.#weigh(key);
  }

  /** Keeps room for a value that is not known yet; {@linkcode fill} sets it. */
  reserve(key: KvKey, size: number): void {
    this.#reserved++;
    this.#bytes += size;
    this.#weigh(key);
  }

  /** Sets what there is room for, or deletes it if it is `undefined`. */
  fill(key: KvKey, value: unknown): void {
    this.#reserved--;
    this.#changes.push({ key, value });
  }

  #weigh(key: KvKey): void {
    for (const part of key) {
      const size = typeof part === "string" ? Buffer.byteLength(part) + 2 : 9;
      this.#keys += size;
      this.#bytes += size;
    }
  }

  get #count(): number {
    return this.#changes.length + this.#reserved;
  }

  /** Whether another message of `size` bytes, in so many parts, finds room. */
  takes(size: number, parts: number): boolean {
    return this.#count + parts + 4 < CHANGES * SHARE &&
      this.#bytes + size + 2_000 < BYTES * SHARE &&
      this.#keys + 1_500 + 100 * parts < KEYS * SHARE;
  }

  /** Whether something more can be dropped with it. */
  get spacious(): boolean {
    return this.#count < CHANGES && this.#bytes < BYTES && this.#keys < KEYS;
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
