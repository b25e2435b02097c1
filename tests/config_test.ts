/** The stand-alone server's environment variables: one per option. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { isLoopback, readConfig } from "../src/config.ts";
import { settingsOf } from "../src/options.ts";
import { test } from "./harness.ts";

test("readConfig() listens on this machine alone, at 8000, by default", () => {
  const { host, port, local, insecure, engine, router } = readConfig({});
  assertEquals([host, port, local, insecure], [
    "127.0.0.1",
    8_000,
    true,
    false,
  ]);
  const { clock: _, ...settings } = settingsOf(engine);
  const { clock: __, ...defaults } = settingsOf({});
  assertEquals(settings, defaults);
  assertEquals(router, { hosts: ["localhost", "127.0.0.1", "[::1]"] });
});

test("readConfig() takes every option of the engine from its variable", () => {
  const { engine, port } = readConfig({
    PORT: "0",
    HALLEY_HEARTBEAT: "1001",
    HALLEY_LINGER: "1002",
    HALLEY_WRITE_TIMEOUT: "1003",
    HALLEY_MAX_AGE: "1012",
    HALLEY_RECONNECT_RATE: "1013",
    HALLEY_PRELOAD: "1014",
    HALLEY_PUBLISH_TIMEOUT: "1015",
    HALLEY_HISTORY_FRAMES: "1004",
    HALLEY_HISTORY_BYTES: "1005",
    HALLEY_HISTORY_AGE: "1006",
    HALLEY_MAX_CONNECTIONS: "1007",
    HALLEY_MAX_CHANNELS: "1008",
    HALLEY_MAX_MESSAGE: "1009",
    HALLEY_MAX_BYTES: "1010",
    HALLEY_MAX_LOGS: "1011",
  });
  assertEquals([engine, port], [{
    heartbeat: 1_001,
    linger: 1_002,
    writeTimeout: 1_003,
    maxAge: 1_012,
    reconnectRate: 1_013,
    preload: 1_014,
    publishTimeout: 1_015,
    history: { frames: 1_004, bytes: 1_005, age: 1_006 },
    limits: {
      connections: 1_007,
      channels: 1_008,
      message: 1_009,
      bytes: 1_010,
      logs: 1_011,
    },
  }, 0]);
});

test("readConfig() takes the one place that messages are kept in", () => {
  const HALLEY_DATA = " data/halley.db ";
  const data = { kind: "HALLEY_DATA" as const, at: "data/halley.db" };
  assertEquals(readConfig({ HALLEY_DATA, HALLEY_NATS: "" }).storage, data);
  const HALLEY_REDIS = "redis://127.0.0.1:6379";
  const redis = { kind: "HALLEY_REDIS" as const, at: HALLEY_REDIS };
  assertEquals(readConfig({ HALLEY_REDIS }).storage, redis);
  assertEquals(readConfig({ HALLEY_DATA: " " }).storage, undefined);
  assertEquals(readConfig({}).storage, undefined);
  assertThrows(
    () => readConfig({ HALLEY_DATA, HALLEY_REDIS }),
    Error,
    "HALLEY_DATA and HALLEY_REDIS are set; messages are kept in one place.",
  );
});

test("readConfig() shares its port only where messages are shared, too", () => {
  const HALLEY_REUSE_PORT = "1";
  for (const name of ["HALLEY_REDIS", "HALLEY_NATS"]) {
    const env = { [name]: "redis://127.0.0.1:6379" };
    assertEquals(readConfig(env).reusePort, false);
    assertEquals(readConfig({ ...env, HALLEY_REUSE_PORT }).reusePort, true);
  }
  for (const env of [{}, { HALLEY_DATA: "data/halley.db" }]) {
    assertThrows(
      () => readConfig({ ...env, HALLEY_REUSE_PORT }),
      Error,
      "HALLEY_REUSE_PORT=1 takes HALLEY_REDIS or HALLEY_NATS",
    );
  }
});

test("readConfig() takes quotas and the proxy that is believed", () => {
  const { engine, router } = readConfig({
    HALLEY_BODY_TIMEOUT: "1001",
    HALLEY_CONNECTION_PUBLISHES: "1",
    HALLEY_CONNECTION_BYTES: "2",
    HALLEY_SUBJECT_CONNECTIONS: "3",
    HALLEY_SUBJECT_CHANNELS: "4",
    HALLEY_SUBJECT_OPENS: "5",
    HALLEY_SUBJECT_PUBLISHES: "6",
    HALLEY_SUBJECT_BYTES: "7",
    HALLEY_ADDRESS_CONNECTIONS: "8",
    HALLEY_ADDRESS_OPENS: "9",
    HALLEY_PROXY_HEADER: "x-forwarded-for",
    HALLEY_PROXY_HOPS: "2",
  });
  assertEquals(engine.bodyTimeout, 1_001);
  assertEquals(engine.limits, {
    connection: { publishes: 1, bytes: 2 },
    subject: { connections: 3, channels: 4, opens: 5, publishes: 6, bytes: 7 },
    address: { connections: 8, opens: 9 },
  });
  assertEquals(router.proxy, { header: "x-forwarded-for", hops: 2 });
  const { proxy } = readConfig({ HALLEY_PROXY_HEADER: "x-real-ip" }).router;
  assertEquals(proxy, { header: "x-real-ip" });
  const zero = () => readConfig({ HALLEY_ADDRESS_OPENS: "0" });
  assertThrows(zero, Error, "HALLEY_ADDRESS_OPENS");
});

test("readConfig() takes lists of origins and hosts, separated by commas", () => {
  const { router } = readConfig({
    HALLEY_ORIGINS: " https://a.example , https://b.example,",
    HALLEY_HOSTS: "push.example",
  });
  assertEquals(router, {
    origins: ["https://a.example", "https://b.example"],
    hosts: ["push.example"],
  });
});

test("readConfig() takes the channels of Comet4J's clients, or hello", () => {
  const env = { HALLEY_CHANNELS: " talker , His_Table," };
  assertEquals(readConfig(env).channels, ["talker", "His_Table"]);
  assertEquals(readConfig({}).channels, ["hello"]);
});

test("readConfig() takes an empty variable for none", () => {
  const { port, host, engine } = readConfig({
    PORT: "",
    HOST: " ",
    HALLEY_LINGER: "",
    HALLEY_ORIGINS: " , ",
  });
  assertEquals([port, host, engine.linger], [8_000, "127.0.0.1", undefined]);
});

test("readConfig() names a variable that is no whole number, and its value", () => {
  for (const value of ["x", "-1", "1.5", "1e3", "0x10", "99999999999999999"]) {
    const read = () => readConfig({ HALLEY_LINGER: value });
    assertThrows(read, Error, `HALLEY_LINGER is ${JSON.stringify(value)}; `);
  }
  const text = 'PORT is "65536"; it must be a whole number from 0 to 65535.';
  assertThrows(() => readConfig({ PORT: "65536" }), Error, text);
});

test("readConfig() names a variable that is too small for its option", () => {
  const least = { HALLEY_HEARTBEAT: "99", HALLEY_MAX_LOGS: "0" };
  for (const [name, value] of Object.entries(least)) {
    assertThrows(() => readConfig({ [name]: value }), Error, name);
  }
});

test("readConfig() refuses a public host unless HALLEY_INSECURE says so", () => {
  for (const HOST of ["0.0.0.0", "::", "192.168.1.2", "push.example"]) {
    const error = assertThrows(() => readConfig({ HOST }), Error);
    assert(error.message.startsWith(`HOST is ${HOST}, `));
    assert(error.message.includes("HALLEY_INSECURE=1"));
    assertThrows(() => readConfig({ HOST, HALLEY_INSECURE: "yes" }), Error);
    const config = readConfig({ HOST, HALLEY_INSECURE: "1" });
    assertEquals([config.local, config.insecure], [false, true]);
    assertEquals(config.router, {}, "any Host header");
  }
});

test("readConfig() makes a policy of tokens, and then listens wherever HOST says", () => {
  assertEquals(readConfig({}).policy, undefined);
  const jwks = "https://issuer.example/jwks.json";
  const secret = "s".repeat(64);
  const more = {
    HALLEY_JWT_ISSUER: "https://issuer.example",
    HALLEY_JWT_AUDIENCE: "push, pull",
    HALLEY_JWT_COOKIE: "__Host-token",
  };
  for (
    const env of [
      { HALLEY_JWT_SECRET: secret },
      { ...more, HALLEY_JWT_SECRET: secret, HALLEY_JWT_ALGORITHMS: "HS512" },
      { ...more, HALLEY_JWKS_URL: jwks, HALLEY_TICKET_SECRET: secret },
    ]
  ) {
    const { policy, local, insecure } = readConfig({ HOST: "0.0.0.0", ...env });
    assert(policy?.identify && policy.allow && policy.ticket);
    assertEquals([local, insecure], [false, false]);
  }
});

test("readConfig() says what is wrong with what it is told of tokens", () => {
  const wrong: [env: Record<string, string>, says: string][] = [
    [{ HALLEY_JWT_SECRET: "short" }, "secret has 5 bytes"],
    [{ HALLEY_JWT_AUDIENCE: "push" }, "secret, publicKey or jwks"],
    [{ HALLEY_JWKS_URL: "nowhere" }, "HALLEY_JWT_…"],
    [{ HALLEY_JWKS_URL: "https://a", HALLEY_JWT_ALGORITHMS: "HS256" }, "HS256"],
    [{ HALLEY_JWKS_URL: "https://a", HALLEY_JWT_COOKIE: "x" }, "__Host-"],
  ];
  for (const [env, says] of wrong) {
    assertThrows(() => readConfig(env), Error, says);
  }
});

test("isLoopback() is true of this machine's addresses alone", () => {
  const own = ["localhost", "127.0.0.1", "127.1.2.3", "::1", "[::1]"];
  for (const address of [...own, "::ffff:127.0.0.1"]) {
    assert(isLoopback(address), address);
  }
  const others = ["0.0.0.0", "::", "128.0.0.1", "127.0.0.1.example", "::2"];
  for (const address of [...others, "localhost.example", "", "1270.0.0.1"]) {
    assert(!isLoopback(address), address);
  }
});

test("readConfig() says how the server ends: at once, back in two seconds, unless told otherwise", () => {
  assertEquals(readConfig({}).close, { over: 0, downtime: 2_000 });
  const { close } = readConfig({ HALLEY_DRAIN: "9000", HALLEY_DOWNTIME: "0" });
  assertEquals(close, { over: 9_000, downtime: 0 });
  // Where servers share their messages, others are there meanwhile.
  assertEquals(readConfig({ HALLEY_REDIS: "redis://h" }).close, { over: 0 });
  const { close: file } = readConfig({ HALLEY_DATA: "data/halley" });
  assertEquals(file.downtime, 2_000);
});

test("readConfig() logs nothing by default, and refuses a level that is none", () => {
  assertEquals(readConfig({}).log, undefined);
  assertEquals(readConfig({ HALLEY_LOG: " warn " }).log, "warn");
  assertThrows(
    () => readConfig({ HALLEY_LOG: "loud" }),
    Error,
    'HALLEY_LOG is "loud"; it must be one of debug,info,warn,error.',
  );
});

test("readConfig() lets only this machine read metrics, unless HALLEY_METRICS=1", () => {
  assertEquals(readConfig({}).metrics, false);
  assertEquals(readConfig({ HALLEY_METRICS: "1" }).metrics, true);
});
