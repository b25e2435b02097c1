/** Which key belongs to a token (RFC 7517), and where keys come from. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { PushError } from "../../src/errors.ts";
import {
  chooseKey,
  type Jwk,
  keysOf,
  readKey,
  RemoteKeys,
} from "../../src/auth/jwk.ts";
import { manualClock, serve, test } from "../harness.ts";
import { Issuer } from "../issuer.ts";

const rsa: Jwk = { kty: "RSA", kid: "r" };
const p256: Jwk = { kty: "EC", crv: "P-256", kid: "e" };
const p384: Jwk = { kty: "EC", crv: "P-384", kid: "f" };
const ed: Jwk = { kty: "OKP", crv: "Ed25519", kid: "o" };
const keys = [rsa, p256, p384, ed];

test("chooseKey() takes the key that is named, if it fits the algorithm", () => {
  assertEquals(chooseKey(keys, { alg: "RS256", kid: "r" }), rsa);
  assertEquals(chooseKey(keys, { alg: "PS512", kid: "r" }), rsa);
  assertEquals(chooseKey(keys, { alg: "ES256", kid: "e" }), p256);
  assertEquals(chooseKey(keys, { alg: "ES384", kid: "f" }), p384);
  assertEquals(chooseKey(keys, { alg: "EdDSA", kid: "o" }), ed);
  assertEquals(chooseKey(keys, { alg: "ES256", kid: "f" }), undefined);
  assertEquals(chooseKey(keys, { alg: "RS256", kid: "e" }), undefined);
  const other: Jwk[] = [{ ...rsa, alg: "RS512" }, { ...rsa, use: "enc" }];
  assertEquals(chooseKey(other, { alg: "RS256", kid: "r" }), undefined);
});

test("chooseKey() takes the only key that fits where a name is missing", () => {
  assertEquals(chooseKey(keys, { alg: "RS256" }), rsa);
  assertEquals(
    chooseKey([{ kty: "RSA" }], { alg: "RS256", kid: "x" })?.kty,
    "RSA",
  );
  const two = [rsa, { ...rsa, kid: "r2" }];
  assertEquals(chooseKey(two, { alg: "RS256" }), undefined);
  assertEquals(chooseKey(two, { alg: "RS256", kid: 7 }), undefined);
});

test("readKey() reads PEM and JSON alike, and keeps nothing private", async () => {
  for (const alg of ["RS256", "ES256", "EdDSA"] as const) {
    const { pem, jwk } = await Issuer.make(alg);
    const { kid: _, alg: __, ...bare } = jwk;
    assertEquals(readKey(pem), bare as Jwk);
    assertEquals(readKey(jwk), jwk);
  }
  for (
    const wrong of ["", "secret", "-----BEGIN PUBLIC KEY-----\nx", {
      kty: "oct",
      k: "x",
    }]
  ) {
    assertThrows(() => readKey(wrong), RangeError, "publicKey");
  }
});

test("keysOf() passes over what is no key (RFC 7517, 5)", () => {
  assertEquals(keysOf([null, 1, "x", {}, { kty: 1 }, rsa]), [rsa]);
});

/** An issuer whose answers a test decides, and who counts who asks. */
async function remote(answer: () => Response | Promise<Response>) {
  let asked = 0;
  const server = await serve(() => (asked++, answer()));
  const clock = manualClock();
  const keys = new RemoteKeys(`${server.url}/jwks.json`, clock);
  return {
    clock,
    find: (kid: string) => keys.find({ alg: "RS256", kid }),
    asked: () => asked,
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

const key = (kid: string): Jwk => ({ kty: "RSA", kid });

test("RemoteKeys asks once for all who come at once, and keeps what it got", async () => {
  await using issuer = await remote(() => Response.json({ keys: [key("a")] }));
  const found = await Promise.all([1, 2, 3].map(() => issuer.find("a")));
  assertEquals(found.map((each) => each?.kid), ["a", "a", "a"]);
  issuer.clock.advance(599_000);
  await issuer.find("a");
  assertEquals(issuer.asked(), 1);
});

test("RemoteKeys asks again for a name it does not know, at most every 10 s", async () => {
  let keys = [key("a")];
  await using issuer = await remote(() => Response.json({ keys }));
  for (const kid of ["a", "x", "y", "z"]) await issuer.find(kid);
  assertEquals(issuer.asked(), 1);
  keys = [key("b")];
  issuer.clock.advance(10_000);
  assertEquals((await issuer.find("b"))?.kid, "b");
  assertEquals(await issuer.find("a"), undefined);
  for (let n = 0; n < 100; n++) await issuer.find(`forged ${n}`);
  assertEquals(issuer.asked(), 2);
});

test("RemoteKeys goes on with old keys while others cannot be had, for a day", async () => {
  let broken = false;
  await using issuer = await remote(() =>
    broken
      ? new Response("", { status: 500 })
      : Response.json({ keys: [key("a")] })
  );
  await issuer.find("a");
  broken = true;
  issuer.clock.advance(86_399_000);
  assertEquals((await issuer.find("a"))?.kid, "a");
  // One that is not known may be new: nobody can tell.
  const error = await assertRejects(() => issuer.find("b"), PushError);
  assertEquals([error.code, error.status, error.retryable], [
    "unavailable",
    503,
    true,
  ]);
  issuer.clock.advance(86_400_000);
  await assertRejects(() => issuer.find("a"), PushError);
});

test("RemoteKeys says that it cannot tell, and when to come back, until keys are there", async () => {
  const answers = [
    () => new Response("", { status: 404 }),
    () => new Response("<html>"),
    () => Response.json(null),
    () => Response.json({ keys: {} }),
  ];
  let answer = answers[0]!;
  await using issuer = await remote(() => answer());
  for (const each of answers) {
    answer = each;
    const before = issuer.asked();
    for (const wait of [10_000, 7_000]) {
      const error = await assertRejects(() => issuer.find("a"), PushError);
      assertEquals([error.code, error.retryAfter], ["unavailable", wait]);
      issuer.clock.advance(3_000);
    }
    assertEquals(issuer.asked(), before + 1);
    issuer.clock.advance(10_000);
  }
  answer = () => Response.json({ keys: [key("a")] });
  assertEquals((await issuer.find("a"))?.kid, "a");
});

test("RemoteKeys says that it cannot tell where nobody listens", async () => {
  const server = await serve(() => new Response());
  await server.stop();
  const keys = new RemoteKeys(server.url, manualClock());
  const find = () => keys.find({ alg: "RS256", kid: "a" });
  assertEquals((await assertRejects(find, PushError)).code, "unavailable");
});
