/**
 * A Deno KV in memory, for runtimes that have none and for what a real one cannot
 * be made to do: be out of reach, forget. It keeps the real one's order of keys, its
 * versions and its limits; under Deno the same tests run on both.
 * @module
 */
import { Buffer } from "node:buffer";
import type {
  KvAtomic,
  KvEntry,
  KvKey,
  KvKeyPart,
  KvLike,
  KvSelector,
} from "../../src/backplane/kv_shape.ts";

interface Lying extends KvEntry {
  readonly key: KvKey;
}

type Change = { key: KvKey; value?: unknown };

/** Sorts text before numbers and parts one by one, a shorter key first. */
function compare(a: KvKey, b: KvKey): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const [one, other] = [a[i], b[i]];
    if (one === other) continue;
    if (one === undefined) return -1;
    if (other === undefined) return 1;
    if (typeof one !== typeof other) return typeof one === "string" ? -1 : 1;
    if (typeof one === "number") return one - (other as number);
    return Buffer.compare(Buffer.from(one), Buffer.from(other as string));
  }
  return 0;
}

function keySize(key: KvKey): number {
  const sizeOf = (part: KvKeyPart) =>
    typeof part === "string" ? Buffer.byteLength(part) + 2 : 9;
  return key.reduce<number>((size, part) => size + sizeOf(part), 0);
}

/** About what a value takes when it is serialized, in bytes. */
function valueSize(value: unknown): number {
  if (typeof value === "string") {
    return /^[\0-\xff]*$/.test(value) ? value.length + 5 : 2 * value.length + 5;
  }
  if (value instanceof Uint8Array) return value.length + 8;
  if (typeof value !== "object" || value === null) return 10;
  return Object.entries(value).reduce(
    (size, [name, field]) => size + name.length + 3 + valueSize(field),
    8,
  );
}

function limit(what: string, value: number, most: number): void {
  if (value > most) {
    throw new TypeError(`${what} too large: ${value} of ${most}`);
  }
}

const never = new Promise<never>(() => {});

/** One database. */
export class MemoryKv implements KvLike {
  /** Called before a commit; it may throw, or make the commit look failed. */
  before: () => void = () => {};
  /** Called after a commit that was made; it may throw all the same. */
  after: () => void = () => {};
  /** Whether watchers are told of nothing, as by a file of two processes. */
  silent = false;
  /** Whether every read fails. */
  unreachable = false;
  /** What is never answered: commits that are made, or whatever is asked. */
  mute: "commits" | "all" | undefined;
  readonly #lying = new Map<string, Lying>();
  readonly #watchers = new Set<() => void>();
  #version = 0;

  #find(key: KvKey): KvEntry {
    return this.#lying.get(JSON.stringify(key)) ??
      { value: null, versionstamp: null };
  }

  async #reach(): Promise<void> {
    await Promise.resolve();
    if (this.mute === "all") await never;
    if (this.unreachable) throw new TypeError("out of reach");
  }

  async getMany(keys: KvKey[]): Promise<KvEntry[]> {
    limit("ranges", keys.length, 10);
    await this.#reach();
    return keys.map((key) => this.#find(key));
  }

  async *list(selector: KvSelector, options: { limit?: number } = {}) {
    let { limit = Infinity } = options;
    let after: KvKey | undefined;
    const page = () =>
      [...this.#lying.values()].filter(({ key }) => {
        if (after && compare(key, after) <= 0) return false;
        if ("start" in selector && compare(key, selector.start) < 0) {
          return false;
        }
        if ("end" in selector && compare(key, selector.end) >= 0) return false;
        if (!("prefix" in selector)) return true;
        const { prefix } = selector;
        return key.length > prefix.length &&
          prefix.every((part, i) => key[i] === part);
      }).sort((a, b) => compare(a.key, b.key)).slice(0, Math.min(100, limit));
    for (;;) {
      // Each page is of its own moment, as it is there.
      await this.#reach();
      const entries = page();
      yield* entries;
      limit -= entries.length;
      after = entries.at(-1)?.key;
      if (entries.length < 100 || limit <= 0) return;
    }
  }

  atomic(): KvAtomic {
    const checks: { key: KvKey; versionstamp: string | null }[] = [];
    const changes: Change[] = [];
    return {
      check: (check) => checks.push(check),
      set: (key, value) => changes.push({ key, value: structuredClone(value) }),
      delete: (key) => changes.push({ key }),
      commit: async () => {
        await Promise.resolve();
        this.before();
        await this.#reach();
        this.#measure(changes);
        const current = checks.every(({ key, versionstamp }) =>
          this.#find(key).versionstamp === versionstamp
        );
        if (!current) return { ok: false };
        const versionstamp = this.#make(changes);
        this.after();
        if (this.mute === "commits") await never;
        return { ok: true, versionstamp };
      },
    };
  }

  #measure(changes: readonly Change[]): void {
    const keys = changes.map(({ key }) => keySize(key));
    const values = changes.map(({ value }) => valueSize(value));
    const sum = (sizes: number[]) => sizes.reduce((sum, size) => sum + size, 0);
    limit("mutations", changes.length, 1_000);
    limit("key", Math.max(...keys), 2_048);
    limit("value", Math.max(...values), 65_536);
    limit("total key size", sum(keys), 81_920);
    limit("total mutation size", sum(keys) + sum(values), 819_200);
  }

  #make(changes: readonly Change[]): string {
    const versionstamp = String(++this.#version).padStart(20, "0");
    for (const { key, value } of changes) {
      const name = JSON.stringify(key);
      if (value === undefined) this.#lying.delete(name);
      else this.#lying.set(name, { key, value, versionstamp });
    }
    if (!this.silent) { for (const wake of this.#watchers) wake(); }
    return versionstamp;
  }

  watch(keys: KvKey[]): ReadableStream<KvEntry[]> {
    let wake = () => {};
    return new ReadableStream<KvEntry[]>({
      start: (controller) => {
        wake = () => {
          if (this.unreachable) {
            this.#watchers.delete(wake);
            controller.error(new TypeError("out of reach"));
          } else controller.enqueue(keys.map((key) => this.#find(key)));
        };
        this.#watchers.add(wake);
        wake();
      },
      cancel: () => void this.#watchers.delete(wake),
    });
  }

  /** Whoever watches is cut off, as when the database goes away. */
  cut(): void {
    this.unreachable = true;
    for (const wake of this.#watchers) wake();
  }

  /** Writes what lies under a key once more, as if another node had. */
  touch(key: KvKey): void {
    this.#make([{ key, value: this.#find(key).value }]);
  }

  /** Loses what lies under one key. */
  lose(key: KvKey): void {
    this.#make([{ key }]);
  }

  /** Loses everything. */
  clear(): void {
    this.#lying.clear();
    for (const wake of this.#watchers) wake();
  }
}
