/** PROTOCOL N12: tokens (RFC 7519), good and bad, and where they may be. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { PushError } from "../../src/errors.ts";
import { chooseKey } from "../../src/auth/jwk.ts";
import {
  type Expectations,
  findToken,
  verifyToken,
} from "../../src/auth/token.ts";
import { test } from "../harness.ts";
import { forged, Issuer, now, SECRET, token } from "../issuer.ts";

const base: Expectations = {
  algorithms: ["HS256"],
  clock: { now: Date.now },
  key: () => SECRET,
};

/** How a token is refused. */
async function refusal(
  text: string,
  expected: Partial<Expectations> = {},
): Promise<string> {
  const verify = () => verifyToken(text, { ...base, ...expected });
  const error = await assertRejects(verify, PushError);
  // Nothing of a token is repeated, as answers and logs are read by others.
  for (const part of text.split(".")) {
    assert(part.length < 5 || !error.message.includes(part), error.message);
  }
  return `${error.code}: ${error.message}`;
}

test("verifyToken() gives the claims of a good token", async () => {
  const claims = await verifyToken(await token({ subscribe: "a" }), base);
  assertEquals([claims.sub, claims.subscribe], ["ann", "a"]);
});

test("verifyToken() takes each kind of signature, and an access token (RFC 9068)", async () => {
  for (const alg of ["RS256", "ES256", "EdDSA"] as const) {
    const issuer = await Issuer.make(alg);
    const claims = await verifyToken(await issuer.token(), {
      ...base,
      algorithms: [alg],
      key: (header) => Promise.resolve(chooseKey([issuer.jwk], header)),
    });
    assertEquals(claims.sub, "ann", alg);
  }
  for (const alg of ["HS384", "HS512"] as const) {
    const text = await token({}, SECRET, alg);
    assertEquals(
      (await verifyToken(text, { ...base, algorithms: [alg] })).sub,
      "ann",
    );
  }
});

test("verifyToken() refuses a token that is not signed", async () => {
  const claims = { sub: "ann", exp: now() + 600 };
  for (const alg of ["none", "None", "NONE", "", null, 0, ["HS256"]]) {
    const said = await refusal(forged({ alg, typ: "JWT" }, claims));
    assert(said.startsWith("unauthorized: The token is not valid: "), said);
  }
  for (const signature of ["", "AAAA", "!", "A".repeat(43)]) {
    const said = await refusal(forged({ alg: "HS256" }, claims, signature));
    assert(said.includes("signature"), said);
  }
});

test("verifyToken() refuses a public key taken for a secret, and any other algorithm", async () => {
  const issuer = await Issuer.make("RS256");
  const expected: Partial<Expectations> = {
    algorithms: ["RS256"],
    key: (header) => Promise.resolve(chooseKey([issuer.jwk], header)),
  };
  for (
    const secret of [
      issuer.pem.replace(/PUBLIC/g, "PU-BLIC"),
      JSON.stringify(issuer.jwk),
    ]
  ) {
    const said = await refusal(await token({}, secret), expected);
    assert(said.includes("signed by RS256"), said);
  }
  assert((await refusal(await token({}, SECRET, "HS512"))).includes("HS256"));
  // The key that fits another algorithm is not this one's.
  const other = await (await Issuer.make("ES256")).token();
  const both = { ...expected, algorithms: ["RS256", "ES256"] as const };
  assert((await refusal(other, both)).includes("key"));
});

test("verifyToken() refuses another issuer, another audience, and none", async () => {
  const issuer = "https://issuer.example";
  const good = await token({ iss: issuer, aud: ["x", "push"] });
  const expected = { ...base, issuer, audience: "push" };
  assertEquals((await verifyToken(good, expected)).iss, issuer);
  const several = { ...expected, audience: ["y", "x"] };
  assertEquals((await verifyToken(good, several)).iss, issuer);
  const bad: [claims: Record<string, unknown>, says: string][] = [
    [{ iss: `${issuer}/`, aud: "push" }, "another issuer"],
    [{ aud: "push" }, "another issuer"],
    [{ iss: [issuer], aud: "push" }, "another issuer"],
    [{ iss: issuer, aud: "pus" }, "another audience"],
    [{ iss: issuer, aud: ["push2", 1, null] }, "another audience"],
    [{ iss: issuer }, "no audience"],
  ];
  for (const [claims, says] of bad) {
    const said = await refusal(await token(claims), expected);
    assert(said.includes(says), said);
  }
});

test("verifyToken() goes by exp and nbf, to the second (RFC 7519, 4.1)", async () => {
  let time = 1_000_000;
  const clock = { now: () => time };
  const text = await token({ exp: 1_010, nbf: 1_005 });
  assertEquals(
    await refusal(text, { clock }),
    "unauthorized: The token is not valid: its time has not come.",
  );
  time = 1_005_000;
  await verifyToken(text, { ...base, clock });
  time = 1_009_999;
  await verifyToken(text, { ...base, clock });
  time = 1_010_000;
  const said = await refusal(text, { clock });
  assert(said.startsWith("token_expired: "), said);
  for (const wrong of [{ exp: "soon" }, { exp: null }, { nbf: {} }]) {
    assert((await refusal(await token(wrong))).includes("is no time"));
  }
});

test("verifyToken() refuses what is no token", async () => {
  const good = await token();
  const [header, payload, signature] = good.split(".");
  for (
    const text of [
      "",
      ".",
      "..",
      "a.b.c",
      "null.null.null",
      `${header}.${payload}`,
      `${good}.`,
      `${good}.${signature}`,
      `${header}..${signature}`,
      `.${payload}.${signature}`,
      forged(null, null),
      forged([], {}),
      forged("HS256", {}),
      "A".repeat(20_000),
    ]
  ) {
    const said = await refusal(text);
    assert(said.startsWith("unauthorized: The token is not valid: "), said);
  }
  // Whose signature fits, and who says nothing.
  for (const claims of [null, 1, "x", true]) {
    const { loadJwt } = await import("../../src/deps.ts");
    const { sign } = await loadJwt();
    await refusal(await sign(claims as never, SECRET, "HS256"));
  }
});

function find(url: string, headers: Record<string, string> = {}) {
  const request = new Request(`http://localhost/push/a${url}`, { headers });
  return findToken(request, "__Host-token");
}

test("findToken() takes a header, a ticket or a cookie, in this order", () => {
  const cookie = "x=1; __Host-token=c; __Host-token2=d";
  const authorization = "bearer  h ";
  assertEquals(find(""), undefined);
  assertEquals(find("", { cookie }), { by: "cookie", text: "c" });
  assertEquals(find("", { cookie: '__Host-token="q"' })?.text, "q");
  assertEquals(find("?x=1&ticket=t", { cookie }), { by: "ticket", text: "t" });
  assertEquals(find("", { cookie, authorization })?.text, "h");
  // Another scheme may be a proxy's, and another cookie somebody else's.
  assertEquals(find("", { authorization: "Basic eDp5", cookie })?.by, "cookie");
  assertEquals(find("", { cookie: "token=c; X__Host-token=d" }), undefined);
  assertEquals(find("?xticket=t&x=ticket=t"), undefined);
});

test("findToken() refuses a token in a URL, and two at once (RFC 6750, 2 and 5.3)", () => {
  for (const name of ["access_token", "token", "jwt"]) {
    const error = assertThrows(() => find(`?since=x-1&${name}=h`), PushError);
    assertEquals(error.code, "unauthorized");
    assert(error.message.includes("ticket"), error.message);
  }
  const two = () => find("?ticket=t", { authorization: "Bearer h" });
  assertEquals(assertThrows(two, PushError).code, "invalid_request");
});

test("findToken() reads a header full of spaces as fast as any other", () => {
  // Where each space is tried with each other one, this takes an hour; making a
  // `Headers` of it does.
  const spaces = " ".repeat(1_000_000);
  const read = (authorization: string) => {
    const headers = new Map([["authorization", authorization]]);
    const request = { url: "http://localhost/push/a", headers };
    return findToken(request as unknown as Request, undefined);
  };
  for (const text of [`${spaces}x y`, `x${spaces}y`, `x${spaces}y z`]) {
    assertEquals(read(`Bearer ${text}`), undefined);
  }
  const good = { by: "header", text: "h" } as const;
  assertEquals(read(`Bearer ${spaces}h${spaces}`), good);
});
