/** PROTOCOL N12: a policy made of tokens. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { PushError } from "../../src/errors.ts";
import { jwt, type JwtOptions } from "../../src/auth/jwt.ts";
import type { Action, Policy } from "../../src/policy.ts";
import { serve, test } from "../harness.ts";
import { bearer, Issuer, SECRET, token } from "../issuer.ts";

const policy = jwt({ secret: SECRET });

function identify(headers: Record<string, string>, by: Policy = policy) {
  return by.identify!(new Request("http://localhost/push/a", { headers }));
}

/** What a token with these claims grants of these actions and names. */
async function granted(
  claims: Record<string, unknown>,
  ...asked: [Action, string][]
): Promise<boolean[]> {
  const identity = await identify(await bearer(claims));
  return asked.map(([action, name]) =>
    policy.allow!(action, name, identity) as boolean
  );
}

test("jwt() knows whom a token is for, and until when", async () => {
  const claims = { sub: "bob", iat: 1_000, exp: 9_000_000_000, role: "x" };
  assertEquals(await identify(await bearer(claims)), {
    subject: "bob",
    claims,
    issued: 1_000_000,
    expires: 9_000_000_000_000,
  });
});

test("jwt() refuses whoever brings no token, unless it is told that none is needed", async () => {
  const basic = { authorization: "Basic eDp5" };
  for (const headers of [{}, { cookie: "a=b" }, basic]) {
    const error = await assertRejects(
      async () => await identify(headers),
      PushError,
    );
    assertEquals(error.code, "unauthorized");
    const open = jwt({ secret: SECRET, credentialsRequired: false });
    assertEquals(await identify(headers, open), undefined);
  }
});

test("jwt() grants nothing to nobody", () => {
  for (const action of ["subscribe", "publish", "history"] as const) {
    assertEquals(policy.allow!(action, "a", undefined), false);
  }
});

test("jwt() grants what a token names, a pattern only where it is covered", async () => {
  const claims = { subscribe: ["news", "chat/**"], publish: "chat/me" };
  assertEquals(
    await granted(
      claims,
      ["subscribe", "news"],
      ["subscribe", "chat/a/b"],
      ["subscribe", "chat/*"],
      ["subscribe", "chat/a/**"],
      ["publish", "chat/me"],
    ),
    [true, true, true, true, true],
  );
  assertEquals(
    await granted(
      claims,
      ["subscribe", "chat"],
      ["subscribe", "newsx"],
      ["subscribe", "news/*"],
      ["subscribe", "**"],
      ["publish", "news"],
      ["publish", "chat/me2"],
      ["publish", "chat/a"],
    ),
    [false, false, false, false, false, false, false],
  );
});

test("jwt() takes history for part of subscribe, unless it is named; all else is named", async () => {
  const some = { subscribe: ["a", "b"], publish: "a" };
  assertEquals(
    await granted(some, ["history", "a"], ["presence", "a"], ["send", "a"], [
      "sendAll",
      "a",
    ]),
    [true, false, false, false],
  );
  const all = {
    ...some,
    history: "a",
    presence: "a",
    send: ["a"],
    sendAll: ["*"],
  };
  assertEquals(
    await granted(all, ["history", "a"], ["presence", "a"], ["send", "a"], [
      "sendAll",
      "a",
    ]),
    [true, true, true, true],
  );
  assertEquals(await granted(all, ["history", "b"]), [false]);
  assertEquals(await granted({ ...some, history: [] }, ["history", "a"]), [
    false,
  ]);
});

test("jwt() refuses a token that says no sub, or names no channels where it should", async () => {
  const bad: Record<string, unknown>[] = [
    { sub: undefined },
    { sub: "" },
    { sub: 7 },
    { subscribe: 7 },
    { subscribe: ["a", null] },
    { subscribe: { a: true } },
    { publish: ["$all"] },
    { presence: "a//b" },
    { history: ["a*"] },
  ];
  for (const claims of bad) {
    const headers = await bearer(claims);
    const error = await assertRejects(
      async () => await identify(headers),
      PushError,
    );
    assertEquals(error.code, "unauthorized");
    const [name] = Object.keys(claims);
    assert(error.message.includes(name!), error.message);
  }
});

test("jwt() takes a cookie that is named, and none that is not", async () => {
  const headers = { cookie: `__Host-push=${await token()}` };
  const named = jwt({ secret: SECRET, cookie: "__Host-push" });
  assertEquals((await identify(headers, named))?.subject, "ann");
  await assertRejects(async () => await identify(headers), PushError);
});

test("jwt() takes a public key, as PEM or JSON, and keys given or fetched", async () => {
  for (const alg of ["RS256", "ES256", "EdDSA"] as const) {
    const issuer = await Issuer.make(alg);
    const other = await Issuer.make(alg);
    const keys = [(await Issuer.make("ES256", "k0")).jwk, issuer.jwk];
    const server = await serve(() => Response.json({ keys }));
    const good = { authorization: `Bearer ${await issuer.token()}` };
    const bad = { authorization: `Bearer ${await other.token()}` };
    const options: JwtOptions[] = [
      { publicKey: issuer.pem },
      { publicKey: issuer.jwk },
      { jwks: { keys } },
      { jwks: server.url },
      { jwks: new URL(server.url) },
    ];
    for (const each of options) {
      const by = jwt(each);
      assertEquals((await identify(good, by))?.subject, "ann");
      const error = await assertRejects(
        async () => await identify(bad, by),
        PushError,
      );
      assertEquals(error.code, "unauthorized");
    }
    await server.stop();
  }
});

test("jwt() without a secret gives tickets that this policy takes, and no other", async () => {
  const { pem } = await Issuer.make("ES256");
  const [one, two] = [jwt({ publicKey: pem }), jwt({ publicKey: pem })];
  const url = `http://localhost/push/a?ticket=${await one.ticket!({
    subject: "ann",
  })}`;
  assertEquals((await one.identify!(new Request(url)))?.subject, "ann");
  await assertRejects(
    async () => await two.identify!(new Request(url)),
    PushError,
  );
});

test("jwt() names a wrong option", async () => {
  const { pem, jwk } = await Issuer.make("RS256");
  const wrong: [options: JwtOptions, says: string][] = [
    [{}, "secret, publicKey or jwks, not none"],
    [{ secret: SECRET, publicKey: pem }, "not secret and publicKey"],
    [{ secret: "short" }, "secret has 5 bytes; it must have 32"],
    [{ secret: "x".repeat(32), algorithms: ["HS256", "HS512"] }, "64 or more"],
    [{ secret: pem }, "secret looks like a key in PEM"],
    [{ secret: SECRET, algorithms: ["RS256"] }, "RS256 does not go by secret"],
    [
      { publicKey: pem, algorithms: ["HS256"] },
      "HS256 does not go by publicKey",
    ],
    [
      { jwks: { keys: [jwk] }, algorithms: ["none" as "HS256"] },
      "none does not",
    ],
    [{ secret: SECRET, algorithms: [] }, "algorithms"],
    [{ publicKey: "x" }, "publicKey"],
    [{ secret: SECRET, issuer: "" }, "issuer is empty"],
    [{ secret: SECRET, cookie: "token" }, "cookie is token"],
    [{ publicKey: pem, ticketSecret: "short" }, "ticketSecret has 5 bytes"],
  ];
  for (const [options, says] of wrong) {
    assertThrows(() => jwt(options), RangeError, says);
  }
});
