/** What ends while a request waits is over when it is answered (N12.4, N12.6). */
import { assertEquals } from "@std/assert";
import type { Identity } from "../../src/policy.ts";
import { type ManualClock, manualClock, test } from "../harness.ts";
import { type Halley, problemOf, start } from "./halley.ts";

/** When everybody's token ends, in ms since 1970. */
const END = 1_010_000;

/** A server whose policy waits, where one says so, until it is told to go on. */
interface World extends Halley {
  readonly clock: ManualClock;
  /** The next who is asked about waits; resolves, when it does, to what ends that. */
  hold(): Promise<() => void>;
}

async function world(): Promise<World> {
  const clock = manualClock();
  let held: ((go: () => void) => void) | undefined;
  const halley = await start({
    clock,
    policy: {
      identify: ({ headers }): Identity => {
        const subject = headers.get("x-user")!;
        return { subject, issued: clock.now() - 1, expires: END };
      },
      async allow() {
        const tell = held;
        held = undefined;
        if (tell) await new Promise<void>((go) => tell(go));
        return true;
      },
    },
  });
  const hold = () =>
    new Promise<() => void>((resolve) => {
      held = resolve;
    });
  return { ...halley, clock, hold };
}

const headers = { "x-user": "ann" };

/** What can end while it waits, and with what. */
const ENDS: Record<string, (world: World) => void> = {
  kicked: ({ engine }) => void engine.dropSubject("ann"),
  token_expired: ({ clock }) => clock.advance(END - clock.now()),
};

for (const [code, end] of Object.entries(ENDS)) {
  test(`who is ${code} while a policy decides is not let in`, async () => {
    await using halley = await world();
    const { url, engine } = halley;
    const held = halley.hold();
    const asked = fetch(`${url}/a?transport=poll`, { headers });
    const go = await held;
    end(halley);
    go();
    assertEquals((await problemOf(await asked)).code, code);
    assertEquals(engine.connections.size, 0);
  });

  test(`who is ${code} while a body is read publishes nothing`, async () => {
    await using halley = await world();
    const { url, engine } = halley;
    const text = new TransformStream<string, string>();
    const writer = text.writable.getWriter();
    // Its first part is read, so the policy has decided.
    const read = writer.write("mes");
    const held = halley.hold();
    const asked = fetch(`${url}/a`, {
      method: "POST",
      headers,
      body: text.readable.pipeThrough(new TextEncoderStream()),
      duplex: "half",
    } as RequestInit);
    (await held)();
    await read;
    end(halley);
    await writer.write("sage");
    await writer.close();
    assertEquals((await problemOf(await asked)).code, code);
    assertEquals(engine.node.applied, 0);
  });
}

/** Polls `a` once, for a connection that can be resumed. */
async function polled(url: string) {
  const get = (path: string) => fetch(`${url}${path}`, { headers });
  const { key, id, connection } = await (await get("/a?transport=poll")).json();
  return { get, key, id, connection };
}

test("a resume that names no channels follows those that the policy was asked about (N6.5)", async () => {
  await using halley = await world();
  const { engine } = halley;
  const { get, key, id, connection } = await polled(halley.url);
  const query = `transport=poll&wait=0&since=${id}&key=${key}`;
  const held = halley.hold();
  const late = get(`?${query}`);
  const go = await held;
  await (await get(`/b?presence=1&${query}`)).body?.cancel();
  const known = engine.connections.get(connection)!;
  assertEquals([known.channels, known.watches], [["b"], true]);
  go();
  assertEquals((await late).status, 200);
  await (await late).body?.cancel();
  assertEquals([known.channels, known.watches], [["a"], false]);
});

test("a resume that names no channels goes on if its connection has gone meanwhile", async () => {
  await using halley = await world();
  const { engine } = halley;
  const { get, key, id, connection } = await polled(halley.url);
  const held = halley.hold();
  const late = get(`?transport=poll&wait=0&since=${id}&key=${key}`);
  const go = await held;
  engine.drop(connection, "expired");
  go();
  assertEquals((await (await late).json()).connection, connection);
  assertEquals(engine.connections.get(connection)?.channels, ["a"]);
});
