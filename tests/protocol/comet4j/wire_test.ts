/** Comet4J 1.2 and 2.2: frames, work styles and cookies. */
import { assertEquals, assertMatch } from "@std/assert";
import {
  frameText,
  secretFor,
  secretsOf,
  setCookie,
  styleOf,
} from "../../../src/protocol/comet4j/wire.ts";
import { test } from "../../harness.ts";

function withCookie(cookie: string, url = "http://site.example/conn"): Request {
  return new Request(url, { headers: { cookie } });
}

test("frameText() is what encodeURIComponent makes of JSON, between < and >", () => {
  const text = frameText("é<>", '{"a":[1,"%"]}', 12.5);
  assertEquals(
    text,
    "<%7B%22channel%22%3A%22%C3%A9%3C%3E%22%2C%22data%22%3A%7B%22a%22%3A%5B1%2C" +
      "%22%25%22%5D%7D%2C%22time%22%3A12.5%7D>",
  );
});

test("frameText() is JavaScript of any age", () => {
  const json = JSON.stringify("\u2028 \u2029 \ud800 </script>");
  const decoded = decodeURIComponent(frameText("a", json, 1).slice(1, -1));
  assertEquals(
    decoded,
    String
      .raw`{"channel":"a","data":"\u2028 \u2029 \ud800 </script>","time":1}`,
  );
});

test("styleOf() streams to browsers that show what comes", () => {
  const agents: Record<string, "stream" | "lpool"> = {
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":
      "stream",
    "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36":
      "stream",
    "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Version/18.0 SAFARI/605.1.15":
      "stream",
    "Mozilla/5.0 (Windows; U; de-DE) AppleWebKit/526.9 AdobeAIR/1.5": "stream",
    "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0)": "lpool",
    "Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko": "lpool",
    "Opera/9.80 (Windows NT 6.1) Presto/2.12.388 Version/12.18": "lpool",
    "curl/8.5.0": "lpool",
    "": "lpool",
  };
  for (const [agent, style] of Object.entries(agents)) {
    assertEquals(styleOf(agent), style, agent);
  }
  assertEquals(styleOf(null), "lpool");
});

test("secretFor() takes the secret that a browser or a proxy brings", () => {
  const secret = "0123456789abcdef0123456789abcdef";
  for (const name of ["comet4j", "comet4j_0aZ9"]) {
    for (const around of ["X", "a=b; X", "X; a=b", "a=b, X", "b=c;X;a=1"]) {
      const cookie = around.replace("X", `${name}=${secret}`);
      assertEquals(secretFor(withCookie(cookie)), [name, secret], cookie);
    }
  }
});

test("secretFor() makes a new one, with a name of its own, where there is none", () => {
  const cookies = [
    "",
    "comet4j=",
    "comet4j=short",
    `comet4j=${"x".repeat(65)}`,
    `comet4jx=${"x".repeat(30)}`,
    `xcomet4j=${"x".repeat(30)}`,
    `comet4j_toolong=${"x".repeat(30)}`,
    `a=comet4j=${"x".repeat(30)}`,
    `comet4j=${"é".repeat(30)}`,
    `comet4j="${"x".repeat(30)}"`,
  ];
  const made = new Set<string>();
  for (const cookie of cookies) {
    const headers = new Headers();
    // A byte each, as they come in.
    if (cookie) headers.set("cookie", cookie);
    const request = new Request("http://site.example/conn", { headers });
    const [name, secret] = secretFor(request);
    assertMatch(secret, /^[0-9A-Za-z]{24}$/);
    assertEquals(name, `comet4j_${secret.slice(0, 4)}`);
    made.add(secret);
  }
  assertEquals(made.size, cookies.length);
});

test("secretsOf() has all of them: pages that began at once got one each", () => {
  const cookie = `comet4j_aaaa=${"a".repeat(24)}; comet4j_bbbb=${
    "b".repeat(24)
  }`;
  assertEquals([...secretsOf(withCookie(cookie))], [
    ["comet4j_aaaa", "a".repeat(24)],
    ["comet4j_bbbb", "b".repeat(24)],
  ]);
});

test("setCookie() keeps it from pages and other sites, and from plain HTTP", () => {
  const own = ["comet4j", "s"] as const;
  const plain = "comet4j=s; Path=/; HttpOnly; SameSite=Lax";
  assertEquals(setCookie(withCookie(""), own), plain);
  const secure = withCookie("", "https://site.example/conn");
  assertEquals(setCookie(secure, own), `${plain}; Secure`);
});
