/**
 * Where a request comes from: the other end of its socket, or what a proxy that is
 * believed says of it.
 * @module
 */
import { isIP } from "../deps.ts";

/** A proxy whose word is taken for the address of its clients. */
export interface TrustedProxy {
  /**
   * The header it sets: `x-forwarded-for`, `forwarded` (RFC 7239), or one that holds
   * one address, such as `cf-connecting-ip`.
   */
  readonly header: string;
  /**
   * How many proxies in a row add to it (default 1): only as many entries, from the
   * right, were not written by the client.
   */
  readonly hops?: number;
}

/**
 * Throws a `RangeError` that names what is wrong with a proxy: with no hop, say, its
 * clients would write their addresses themselves.
 */
export function checkProxy(proxy: TrustedProxy | undefined): void {
  if (!proxy) return;
  const { header, hops = 1 } = proxy;
  if (!/^[\w!#$%&'*+.^`|~-]+$/.test(header)) {
    throw new RangeError(`proxy.header is ${header}; it must name a header`);
  }
  if (Number.isInteger(hops) && hops >= 1) return;
  throw new RangeError(`proxy.hops is ${hops}; it must be at least 1`);
}

/** What runtimes hand to a fetch handler beside the request. */
interface Environment {
  /** Deno. */
  readonly remoteAddr?: { readonly hostname?: string };
  /** Bun. */
  requestIP?(request: Request): { readonly address: string } | null;
  /** Node, with `@hono/node-server`. */
  readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } };
}

/** The address at the other end of the socket, if the runtime tells. */
export function peerOf(request: Request, env: unknown): string | undefined {
  const { remoteAddr, requestIP, incoming } = (env ?? {}) as Environment;
  return remoteAddr?.hostname ??
    requestIP?.call(env, request)?.address ??
    incoming?.socket?.remoteAddress;
}

/**
 * Whom a request is counted for: an IPv4 address, or the first 64 bits of an IPv6
 * address, as one customer has them all. `undefined` where the runtime does not
 * tell. What a client writes into the header itself is not believed.
 */
export function addressOf(
  request: Request,
  env: unknown,
  proxy?: TrustedProxy,
): string | undefined {
  const said = proxy && forwarded(request.headers.get(proxy.header), proxy);
  return said ?? networkOf(peerOf(request, env) ?? "");
}

/** The entry that the outermost believed proxy has made, if it is an address. */
function forwarded(
  header: string | null,
  { header: name, hops = 1 }: TrustedProxy,
): string | undefined {
  const entry = header?.split(",").at(-hops)?.trim() ?? "";
  if (name.toLowerCase() !== "forwarded") return networkOf(entry);
  const said = /(?:^|;)\s*for="?([^";]*)/i.exec(entry)?.[1];
  return networkOf(said ?? "");
}

/** What of `text`, with or without port, is counted as one; else `undefined`. */
export function networkOf(text: string): string | undefined {
  const [, inner, v4] = /^\[(.*)\](?::\d+)?$|^([\d.]+):\d+$/.exec(text) ?? [];
  const address = (inner ?? v4 ?? text).toLowerCase().replace(/%.*$/, "");
  const mapped = /^(?:0*:){2,7}ffff:([\d.]+)$/.exec(address)?.[1] ?? address;
  const version = isIP(mapped);
  if (version === 0) return undefined;
  return version === 4
    ? mapped
    : `${groups(mapped).slice(0, 4).join(":")}::/64`;
}

/** The groups of an IPv6 address, none left out (RFC 4291, 2.2). */
function groups(address: string): string[] {
  const [left = [], right = []] = address.split("::").map((side) =>
    side === "" ? [] : side.split(":")
  );
  // An IPv4 address at the end is two groups.
  const tail = address.includes(".") ? 1 : 0;
  const missing = 8 - left.length - right.length - tail;
  const all = [...left, ...Array(Math.max(0, missing)).fill("0"), ...right];
  return all.map((group) => parseInt(group, 16).toString(16));
}
