/**
 * Deno KV by its shape, so that nothing of Deno's is needed where there is none.
 * @module
 */

/** A part of a key. */
export type KvKeyPart = string | number;

/** A key; keys are in order, part by part. */
export type KvKey = readonly KvKeyPart[];

/** What lies under a key; `null` and `null` if nothing does. */
export interface KvEntry {
  /** The value. */
  readonly value: unknown;
  /** Rises with every change in the whole database. */
  readonly versionstamp: string | null;
}

/** Several changes, all of them or none. */
export interface KvAtomic {
  /** Fails the commit unless the key still has that version. */
  check(check: { key: KvKey; versionstamp: string | null }): unknown;
  /** Sets a value, for `expireIn` ms if that is given. */
  set(key: KvKey, value: unknown, options?: { expireIn?: number }): unknown;
  /** Removes a key. */
  delete(key: KvKey): unknown;
  /** Makes the changes; `ok` is false if a check failed. */
  commit(): Promise<{ ok: true; versionstamp: string } | { ok: false }>;
}

/** Which keys to list: those that begin with `prefix`, from `start` on. */
export type KvSelector =
  | { prefix: KvKey }
  | { prefix: KvKey; start: KvKey }
  | { start: KvKey; end: KvKey };

/** What `denoKv()` needs of a `Deno.Kv`. */
export interface KvLike {
  /** What lies under each of at most ten keys, at one moment. */
  getMany(keys: KvKey[]): Promise<KvEntry[]>;
  /** What lies under the selected keys, in order. */
  list(
    selector: KvSelector,
    options?: { limit?: number; batchSize?: number },
  ): AsyncIterable<KvEntry & { readonly key: readonly unknown[] }>;
  /** Begins some changes. */
  atomic(): KvAtomic;
  /** The newest state of the keys, whenever it changes. */
  watch(keys: KvKey[]): ReadableStream<KvEntry[]>;
}
