/** Where a request comes from, on every runtime, and behind proxies. */
import { assertEquals, assertThrows } from "@std/assert";
import {
  addressOf,
  networkOf,
  peerOf,
  type TrustedProxy,
} from "../../src/auth/address.ts";
import { createEngine } from "../../src/engine.ts";
import type { Protocol } from "../../src/protocol.ts";
import { bayeux } from "../../src/protocol/bayeux.ts";
import { comet4j } from "../../src/protocol/comet4j.ts";
import { createRouter } from "../../src/router.ts";
import { test } from "../harness.ts";

const request = (headers: Record<string, string> = {}) =>
  new Request("http://localhost/push/a", { headers });

/** What each runtime hands to a handler. */
const environments = {
  Deno: { remoteAddr: { transport: "tcp", hostname: "192.0.2.1", port: 1 } },
  Bun: {
    address: "192.0.2.1",
    requestIP() {
      return { address: this.address, port: 1, family: "IPv4" };
    },
  },
  Node: { incoming: { socket: { remoteAddress: "192.0.2.1" } } },
};

test("peerOf() knows the other end of the socket, as each runtime tells", () => {
  for (const [name, env] of Object.entries(environments)) {
    assertEquals(peerOf(request(), env), "192.0.2.1", name);
  }
  for (
    const env of [undefined, null, {}, { requestIP: () => null }, {
      incoming: {},
    }]
  ) {
    assertEquals(peerOf(request(), env), undefined);
  }
});

test("networkOf() counts an IPv4 address alone, and an IPv6 address with its /64", () => {
  const expected: Record<string, string | undefined> = {
    "192.0.2.1": "192.0.2.1",
    "192.0.2.1:80": "192.0.2.1",
    "::ffff:192.0.2.1": "192.0.2.1",
    "::FFFF:192.0.2.1": "192.0.2.1",
    "0:0:0:0:0:ffff:192.0.2.1": "192.0.2.1",
    "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
    "2001:0DB8:0001:0002::1": "2001:db8:1:2::/64",
    "[2001:db8:1:2::9]:443": "2001:db8:1:2::/64",
    "[2001:db8::1]": "2001:db8:0:0::/64",
    "fe80::1%eth0": "fe80:0:0:0::/64",
    "::1": "0:0:0:0::/64",
    "::": "0:0:0:0::/64",
    "1::": "1:0:0:0::/64",
    "64:ff9b:1:2::192.0.2.1": "64:ff9b:1:2::/64",
  };
  for (const [text, network] of Object.entries(expected)) {
    assertEquals(networkOf(text), network, text);
  }
  const none = [
    "",
    "unknown",
    "_hidden",
    "192.0.2",
    "192.0.2.256",
    "a.example",
    "[x]",
    ":::",
    "1:2",
  ];
  for (const text of none) assertEquals(networkOf(text), undefined, text);
});

test("addressOf() believes no header unless it is told to", () => {
  const forwarded = request({
    "x-forwarded-for": "203.0.113.9",
    "x-real-ip": "203.0.113.9",
    "forwarded": "for=203.0.113.9",
  });
  assertEquals(addressOf(forwarded, environments.Deno), "192.0.2.1");
  assertEquals(addressOf(forwarded, undefined), undefined);
});

test("addressOf() takes the entry of the outermost proxy, not what a client wrote", () => {
  const header = "X-Forwarded-For";
  const read = (value: string, hops?: number) =>
    addressOf(request({ [header]: value }), environments.Node, {
      header,
      ...hops && { hops },
    });
  assertEquals(read("203.0.113.9"), "203.0.113.9");
  assertEquals(read("6.6.6.6, 203.0.113.9"), "203.0.113.9");
  assertEquals(read("6.6.6.6,  203.0.113.9 , 10.0.0.1", 2), "203.0.113.9");
  // Fewer entries than proxies, or no address: the peer is what is known.
  assertEquals(read("203.0.113.9", 2), "192.0.2.1");
  assertEquals(read("6.6.6.6, unknown"), "192.0.2.1");
  assertEquals(read(""), "192.0.2.1");
});

test("a proxy that would let its clients say where they are is refused at the start", async () => {
  const engine = createEngine();
  const header = "x-forwarded-for";
  const wrong: [TrustedProxy, says: string][] = [
    [{ header, hops: 0 }, "proxy.hops is 0"],
    [{ header, hops: -1 }, "proxy.hops is -1"],
    [{ header, hops: 1.5 }, "proxy.hops is 1.5"],
    [{ header, hops: NaN }, "proxy.hops is NaN"],
    [{ header: "" }, "proxy.header is "],
    [{ header: "x forwarded" }, "proxy.header is x forwarded"],
  ];
  const routers = [
    createRouter,
    (...args: Parameters<Protocol["router"]>) => bayeux().router(...args),
    (...args: Parameters<Protocol["router"]>) => comet4j().router(...args),
  ];
  for (const make of routers) {
    for (const [proxy, says] of wrong) {
      assertThrows(() => make(engine, { proxy }), RangeError, says);
    }
    make(engine, { proxy: { header, hops: 2 } });
  }
  await engine.close();
});

test("addressOf() reads Forwarded (RFC 7239), and a header with one address", () => {
  const read = (header: string, value: string) =>
    addressOf(request({ [header]: value }), undefined, { header });
  const forwarded = [
    "for=203.0.113.9",
    "for=6.6.6.6, by=10.0.0.1;For=203.0.113.9;proto=https",
    'proto=https;for="203.0.113.9:4711"',
  ];
  for (const value of forwarded) {
    assertEquals(read("forwarded", value), "203.0.113.9", value);
  }
  const v6 = read("Forwarded", 'for="[2001:db8::1]:4711"');
  assertEquals(v6, "2001:db8:0:0::/64");
  assertEquals(read("forwarded", "for=_secret"), undefined);
  assertEquals(read("cf-connecting-ip", "203.0.113.9"), "203.0.113.9");
});
