/** The bench's Bayeux clients, and the servers that they measure. */
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import type { Answer } from "../../bench/load/answers.ts";
import { bayeux } from "../../bench/load/bayeux.ts";
import type { Plan } from "../../bench/plan.ts";
import { type Accounts, isClean } from "../../bench/result.ts";
import { measure } from "../../bench/run.ts";
import type { Runtime } from "../../bench/runtimes.ts";
import { scenarios } from "../../bench/scenarios.ts";
import { subjects } from "../../bench/subjects/table.ts";
import { runtime, test } from "../harness.ts";

const TALK = { host: "h:1", path: "/cometd", channels: ["a", "b"] };

function answer(messages: unknown, fields = ""): Answer {
  const head = `HTTP/1.1 200 OK${fields}`;
  return { status: 200, head, body: Buffer.from(JSON.stringify(messages)) };
}

/** What a request asks for, and its head. */
function asked(request: string) {
  const [head = "", body = ""] = request.split("\r\n\r\n");
  assertMatch(head, /^POST \/cometd HTTP\/1\.1\r\nhost: h:1\r\n/);
  assert(head.includes(`content-length: ${body.length}`), head);
  return { head, messages: JSON.parse(body) as Record<string, unknown>[] };
}

const SHAKEN = answer(
  [{ channel: "/meta/handshake", successful: true, clientId: "c1" }],
  "\r\nSet-Cookie: BAYEUX_BROWSER=b1; HttpOnly",
);
const DONE = answer([{ successful: true }]);

test("a Bayeux client shakes hands, subscribes in one batch and connects again and again", () => {
  const talk = bayeux.talk(TALK);
  const steps = [talk.next(), talk.next(SHAKEN), talk.next(DONE)];
  steps.push(talk.next(DONE));
  const all = steps.map(({ value }) => asked(value!.request));
  assertEquals(
    all.map(({ messages }) => messages.map(({ channel }) => channel)),
    [
      ["/meta/handshake"],
      ["/meta/subscribe", "/meta/subscribe"],
      ["/meta/connect"],
      ["/meta/connect"],
    ],
  );
  assertEquals(all[1]!.messages.map((m) => m.subscription), ["/a", "/b"]);
  // Only from its first connect on messages reach it.
  assertEquals(steps.map(({ value }) => value!.parked), [
    false,
    false,
    true,
    true,
  ]);
  const later = all.slice(1).flatMap(({ messages }) => messages);
  assert(later.every(({ clientId }) => clientId === "c1"));
  // One that repeats an id asks for the last answer again.
  const ids = all.flatMap(({ messages }) => messages.map(({ id }) => id));
  assertEquals(new Set(ids).size, 5);
  const cookies = all.map(({ head }) => /cookie: (.*)/.exec(head)?.[1]);
  const own = "BAYEUX_BROWSER=b1";
  assertEquals(cookies, [undefined, own, own, own]);
});

test("a Bayeux client sends no cookie to a server that gives none", () => {
  const talk = bayeux.talk(TALK);
  talk.next();
  const { value } = talk.next(answer([{ successful: true, clientId: "c" }]));
  assert(!/cookie/i.test(value!.request));
});

test("a Bayeux client that is refused says so, at every step", () => {
  const refused = answer([{ successful: false, error: "402::Unknown" }]);
  for (const before of [[], [SHAKEN], [SHAKEN, DONE], [SHAKEN, DONE, DONE]]) {
    const talk = bayeux.talk(TALK);
    talk.next();
    for (const one of before) talk.next(one);
    assertThrows(() => talk.next(refused), Error, "402::Unknown");
  }
  const talk = bayeux.talk(TALK);
  talk.next();
  const nameless = answer([{ successful: true }]);
  assertThrows(() => talk.next(nameless), Error, "no clientId");
});

/** 800 messages to 4 of 40 clients each, a tenth of them before it is measured. */
const PLAN: Partial<Plan> = {
  connections: 40,
  rate: 400,
  seconds: 1.8,
  warmUp: 0.2,
};

async function booksOf(
  name: string,
  on: Runtime,
  scenario = "rooms",
  heartbeat = 2_000,
): Promise<Accounts> {
  const subject = subjects.find((one) => one.name === name)!;
  assert(subject.available(on), `${name} takes ${on} and \`bun install\``);
  const chosen = scenarios.find((one) => one.name === scenario)!;
  const job = {
    scenario: chosen,
    transport: "poll" as const,
    runtime: on,
    subject,
    plan: { ...chosen.plan, ...PLAN },
  };
  const { signal } = new AbortController();
  const course = { repeat: 1, heartbeat, settle: 0, signal };
  const { accounts } = await measure(job, course, { phase() {}, live() {} });
  return accounts!;
}

// The servers of others run on Node, whoever measures them.
const OTHERS = runtime === "deno" ? ["cometd", "faye"] as const : [];

for (
  const [name, on] of [
    ["halley-bayeux", runtime] as const,
    ...OTHERS.map((name) => [name, "node"] as const),
  ]
) {
  test(`every delivery of ${name} in rooms is accounted for`, async () => {
    const accounts = await booksOf(name, on);
    assertEquals(accounts.expected, 800 * 4, JSON.stringify(accounts));
    assertEquals(accounts.received, 800 * 4, JSON.stringify(accounts));
    assert(isClean(accounts), JSON.stringify(accounts));
  });
}

test("Bayeux clients of Halley that are all cut at once get everything once", async () => {
  // A session lasts as long: who comes back later, on a busy machine, has lost it.
  const heartbeat = 6_000;
  const accounts = await booksOf("halley-bayeux", runtime, "resume", heartbeat);
  assert(isClean(accounts), JSON.stringify(accounts));
});
