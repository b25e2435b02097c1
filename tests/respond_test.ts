/** Producers that write into a response, or into a channel. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import process from "node:process";
import { type EndReason, stream } from "../src/respond.ts";
import { pause, runtime, test, turn } from "./harness.ts";
import { Child } from "./http/child.ts";

const request = new Request("http://localhost/");

/** Ends as told, and keeps what it was told: each reason, with what was thrown. */
function ends() {
  const reasons: [EndReason, unknown?][] = [];
  const { promise, resolve } = Promise.withResolvers<EndReason>();
  const onEnd = (reason: EndReason, error?: unknown) => {
    reasons.push(error === undefined ? [reason] : [reason, error]);
    resolve(reason);
  };
  return { reasons, ended: promise, onEnd };
}

/** A signal, and how many listen to it. */
function counted() {
  const abort = new AbortController();
  const { signal } = abort;
  const listeners = new Set<unknown>();
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: [string, EventListener]) => {
    listeners.add(args[1]);
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: [string, EventListener]) => {
    listeners.delete(args[1]);
    removeEventListener.apply(signal, args);
  };
  return { abort, signal, listeners };
}

/** Resolves when `signal` aborts: a producer with nothing to say. */
function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

test("stream() answers with what is written, text and bytes", async () => {
  const response = stream(request, async (out) => {
    await out.write("é");
    await out.write(new Uint8Array([0x41, 0x42]));
    await out.write("");
    await out.write(new Uint8Array());
    await out.write("!");
  });
  assertEquals(response.status, 200);
  const { headers } = response;
  assertEquals(headers.get("content-type"), "text/plain; charset=utf-8");
  assertEquals(headers.get("cache-control"), "no-store, no-transform");
  assertEquals(headers.get("x-accel-buffering"), "no");
  assertEquals(await response.text(), "éAB!");
});

test("stream() takes headers of one's own, two cookies too", async () => {
  const own = new Headers({ "content-type": "text/csv", "x-own": "1" });
  own.append("set-cookie", "a=1");
  own.append("set-cookie", "b=2");
  const { headers, body } = stream(request, () => {}, { headers: own });
  await body!.cancel();
  assertEquals(headers.get("content-type"), "text/csv");
  assertEquals(headers.get("x-own"), "1");
  assertEquals(headers.get("x-accel-buffering"), "no");
  assertEquals(headers.getSetCookie(), ["a=1", "b=2"]);
});

test("write() resolves when there is room for more", async () => {
  const written: number[] = [];
  const { body } = stream(request, async (out) => {
    for (let n = 0; n < 5; n++) {
      await out.write(String(n));
      written.push(n);
    }
  });
  const reader = body!.getReader();
  await turn();
  assertEquals(written, [], "nobody has read");
  await reader.read();
  await turn();
  assertEquals(written, [0]);
  await reader.read();
  await turn();
  assertEquals(written, [0, 1]);
  await reader.cancel();
});

test("write() resolves for each of several at once", async () => {
  const { onEnd, ended } = ends();
  const response = stream(request, async (out) => {
    await Promise.all(["a", "b", "c"].map((text) => out.write(text)));
    await out.write("d");
  }, { onEnd, timeout: 300 });
  await turn();
  const text = await response.text().catch(String);
  assertEquals([await ended, text], ["done", "abcd"]);
});

test("a response ends as done, error, disconnected or shutdown, and says so once", async () => {
  const failure = new Error("no more");
  const cases: [
    EndReason,
    (signal: AbortSignal) => Promise<void>,
    (body: ReadableStream, abort: AbortController) => unknown,
    unknown?,
  ][] = [
    ["done", () => Promise.resolve(), () => {}],
    ["error", () => Promise.reject(failure), () => {}, failure],
    ["disconnected", aborted, (body) => body.cancel()],
    ["shutdown", aborted, (_, abort) => abort.abort()],
  ];
  for (const [reason, produce, act, error] of cases) {
    const { onEnd, ended, reasons } = ends();
    const { abort, signal, listeners } = counted();
    let own!: AbortSignal;
    const { body } = stream(request, (_, signal) => {
      own = signal;
      return produce(signal);
    }, { onEnd, signal });
    await turn();
    await act(body!, abort);
    assertEquals(await ended, reason);
    abort.abort();
    if (!body!.locked) await body!.cancel().catch(() => {});
    await turn();
    assertEquals(reasons, [error ? [reason, error] : [reason]]);
    assertEquals([own.aborted, listeners.size], [true, 0], reason);
  }
});

test("a producer that throws at once ends as error, like one that rejects", async () => {
  const { onEnd, ended } = ends();
  const response = stream(request, () => {
    throw new Error("at once");
  }, { onEnd });
  await assertRejects(() => response.text());
  assertEquals(await ended, "error");
});

test("a response that is to end before it begins runs nothing", async () => {
  const { onEnd, reasons } = ends();
  const { abort, signal, listeners } = counted();
  abort.abort();
  let ran = false;
  const response = stream(request, () => void (ran = true), { signal, onEnd });
  await assertRejects(() => response.text());
  assertEquals([ran, reasons, listeners.size], [false, [["shutdown"]], 0]);
});

test("a response without a write for too long ends as timeout, room or not", async () => {
  const silent = ends();
  const response = stream(request, async (out, signal) => {
    await out.write("begun");
    await aborted(signal);
  }, { timeout: 20, onEnd: silent.onEnd });
  await assertRejects(() => response.text());
  assertEquals(await silent.ended, "timeout");

  const blocked = ends();
  let failed: unknown;
  const { body } = stream(request, async (out) => {
    await out.write("nobody reads this").catch((error) => failed = error);
  }, { timeout: 20, onEnd: blocked.onEnd });
  assertEquals(await blocked.ended, "timeout");
  await turn();
  assertEquals((failed as Error).name, "AbortError");
  await assertRejects(() => body!.getReader().read());
});

test("each write gives a response more time", async () => {
  const { onEnd, ended } = ends();
  const response = stream(request, async (out) => {
    const begun = Date.now();
    while (Date.now() - begun < 1_500) {
      await out.write(".");
      await pause(50);
    }
  }, { timeout: 1_000, onEnd });
  assertMatch(await response.text(), /^\.+$/);
  assertEquals(await ended, "done");
});

test("write() after the end rejects, and a producer that does not care is harmless", async () => {
  for (const abort of [true, false]) {
    const { promise, resolve } = Promise.withResolvers<unknown[]>();
    const { onEnd, reasons } = ends();
    const { body } = stream(request, async (out, signal) => {
      await out.write("1").catch(() => {});
      if (!abort) await aborted(signal);
      const names: unknown[] = [];
      for (let n = 0; n < 3; n++) {
        await out.write("late").catch((error) => names.push(error));
      }
      resolve(names);
      throw new Error("thrown after the end");
    }, { onEnd });
    await turn();
    await body!.cancel();
    const errors = await promise;
    assertEquals(errors.length, 3);
    assert(errors.every((error) => (error as Error).name === "AbortError"));
    assert(String(errors[0]).includes("disconnected"), String(errors[0]));
    await turn();
    assertEquals(reasons, [["disconnected"]]);
  }
});

/** Runs a program that uses stream(); what it says. */
async function program(code: string): Promise<string> {
  const { href } = new URL("../src/respond.ts", import.meta.url);
  const whole = `import { stream } from ${JSON.stringify(href)};${code}`;
  const flag = runtime === "deno" ? "eval" : "-e";
  await using child = new Child([process.execPath, flag, whole]);
  const exit = await child.exit;
  return `${exit} ${child.output.split("\n").at(-2)}`;
}

test("an onEnd that throws ends no server", async () => {
  const said = await program(`
    const fails = { onEnd() { throw new Error("mine"); }, timeout: 20 };
    const request = new Request("http://localhost/");
    stream(request, () => {}, fails);
    stream(request, () => new Promise(() => {}), fails);
    setTimeout(() => console.log("alive"), 100);
  `);
  assertEquals(said, "0 alive");
});

test("stream() into a channel rejects if last() throws", async () => {
  const said = await program(`
    const channel = { publish: () => Promise.resolve("e-1") };
    const last = () => { throw new Error("mine"); };
    stream(channel, () => {}, { last }).catch(() => {})
      .then(() => console.log("settled"));
  `);
  assertEquals(said, "0 settled");
});
