/** PROTOCOL N7: pages of other origins (WHATWG Fetch, 3.2). */
import { assertEquals } from "@std/assert";
import { test } from "../harness.ts";
import { type Halley, start } from "./halley.ts";
import { type Answer, exchange } from "./sockets.ts";

const LISTED = "https://app.example";
const OTHER = "https://other.example";

function ask(
  { port }: Halley,
  method: string,
  origin: string | undefined,
  path = "a?transport=poll",
): Promise<Answer> {
  return exchange(
    port,
    `${method} /push/${path} HTTP/1.1\r\nHost: localhost\r\n` +
      (origin === undefined ? "" : `Origin: ${origin}\r\n`) +
      "Access-Control-Request-Method: POST\r\n" +
      "Access-Control-Request-Headers: push-key\r\n" +
      `Content-Length: ${method === "POST" ? 1 : 0}\r\n\r\n` +
      (method === "POST" ? "x" : ""),
  );
}

/** What a browser looks at. */
function grants({ headers }: Answer): (string | null)[] {
  return [
    headers.get("access-control-allow-origin"),
    headers.get("access-control-allow-credentials"),
  ];
}

test("a listed origin may read, with the visitor's cookies (N7)", async () => {
  await using halley = await start({}, { origins: [LISTED] });
  for (const method of ["GET", "POST", "HEAD", "OPTIONS"]) {
    const answer = await ask(halley, method, LISTED);
    assertEquals(grants(answer), [LISTED, "true"], method);
    const exposed = answer.headers.get("access-control-expose-headers");
    assertEquals(exposed, "retry-after");
  }
});

test("an origin that is not listed may not read (N7)", async () => {
  await using halley = await start({}, { origins: [LISTED] });
  for (const method of ["GET", "POST", "HEAD", "OPTIONS"]) {
    for (const origin of [OTHER, "null", undefined]) {
      const answer = await ask(halley, method, origin);
      assertEquals(grants(answer), [null, null], `${method} ${origin}`);
    }
  }
});

test("origins: * lets any page read, without the visitor's cookies (N7)", async () => {
  await using halley = await start({}, { origins: ["*"] });
  for (const method of ["GET", "POST", "HEAD", "OPTIONS"]) {
    assertEquals(grants(await ask(halley, method, OTHER)), [OTHER, null]);
  }
});

test("a listed origin can read refusals too (N8)", async () => {
  await using halley = await start({}, { origins: [LISTED] });
  for (
    const [method, path] of [["GET", "a*b"], ["POST", "a*b"], ["PUT", "a"]]
  ) {
    const answer = await ask(halley, method!, LISTED, path);
    assertEquals(answer.status >= 400, true);
    assertEquals(grants(answer), [LISTED, "true"]);
  }
});

test("a preflight names methods and headers, and asks no policy (N7)", async () => {
  let asked = 0;
  await using halley = await start({
    policy: {
      identify: () => void asked++,
      allow: () => ++asked > 0,
    },
  }, { origins: [LISTED] });
  const { status, headers, body } = await ask(halley, "OPTIONS", LISTED);
  assertEquals([status, body, asked], [204, "", 0]);
  assertEquals(
    headers.get("access-control-allow-methods"),
    "GET, HEAD, POST, OPTIONS",
  );
  assertEquals(
    headers.get("access-control-allow-headers"),
    "authorization, content-type, idempotency-key, last-event-id, push-key",
  );
  assertEquals(headers.get("access-control-max-age"), "7200");
  assertEquals(headers.get("vary"), "origin");
});

test("an answer that depends on the origin says so to caches (N4, N8)", async () => {
  await using halley = await start({}, { origins: [LISTED] });
  for (const path of ["a?transport=poll", "a*b"]) {
    const { headers } = await ask(halley, "GET", LISTED, path);
    assertEquals(headers.get("vary"), "accept, origin");
  }
});
