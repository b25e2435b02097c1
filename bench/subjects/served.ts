/**
 * What programs that are measured have in common: all but nchan, and those for
 * Node, are a fetch handler, run by `server.ts` under Deno or Bun, with these paths.
 * @module
 */

/** A program that is measured. */
export interface Served {
  fetch(request: Request, env: unknown): Response | Promise<Response>;
  /** How many connections it knows. */
  size(): number;
}

/** How it is set up. */
export interface ServedOptions {
  /** How often a silent connection gets a sign of life, in ms. */
  readonly heartbeat: number;
  /** The URL of a Redis that it shares with others, if it does. */
  readonly redis?: string | undefined;
}

/** What a request to one of the paths asks for. */
export type Asked =
  | { readonly kind: "health" }
  | {
    readonly kind: "subscribe";
    readonly channels: readonly string[];
    readonly query: URLSearchParams;
  }
  | {
    readonly kind: "publish";
    readonly channel: string;
    /** The connection a direct message is for. */
    readonly to: string | undefined;
  };

/** Reads a request's path. */
export function read(request: Request): Asked {
  const { pathname, searchParams: query } = new URL(request.url);
  if (pathname === "/healthz") return { kind: "health" };
  if (request.method === "POST") {
    const to = query.get("to") ?? undefined;
    return { kind: "publish", channel: pathname.slice("/push/".length), to };
  }
  return { kind: "subscribe", channels: query.getAll("channel"), query };
}

/** The header fields of an event stream. */
export const HEADERS: Record<string, string> = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
};

/** Who follows which channel, and who is who. */
export class Members<T> {
  readonly #channels: Map<string, Set<T>> = new Map();
  readonly #byId: Map<string, T> = new Map();

  /** How many there are. */
  get size(): number {
    return this.#byId.size;
  }

  /** All of them. */
  all(): Iterable<T> {
    return this.#byId.values();
  }

  /** Those of a channel, or the one a direct message is for. */
  of(channel: string, to: string | undefined): Iterable<T> {
    if (to === undefined) return this.#channels.get(channel) ?? [];
    const one = this.#byId.get(to);
    return one === undefined ? [] : [one];
  }

  add(id: string, member: T, channels: readonly string[]): void {
    this.#byId.set(id, member);
    for (const channel of channels) {
      const members = this.#channels.get(channel);
      if (members) members.add(member);
      else this.#channels.set(channel, new Set([member]));
    }
  }

  delete(id: string, channels: readonly string[]): void {
    const member = this.#byId.get(id);
    if (member === undefined) return;
    this.#byId.delete(id);
    for (const channel of channels) this.#channels.get(channel)?.delete(member);
  }
}
