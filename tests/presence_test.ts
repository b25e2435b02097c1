/** Who follows a channel, and who joins and leaves it: PROTOCOL N11. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { ConnectOptions } from "../src/arrival.ts";
import { createEngine } from "../src/engine.ts";
import { PushError } from "../src/errors.ts";
import type { EngineOptions } from "../src/options.ts";
import { HandBackplane } from "./hand_backplane.ts";
import { manualClock, test, turn } from "./harness.ts";
import { Recorder } from "./recorder.ts";

function setup(options: EngineOptions = {}) {
  const clock = manualClock();
  const engine = createEngine({
    clock,
    linger: 10_000,
    preload: 0,
    ...options,
  });
  const errors: unknown[] = [];
  engine.on("error", (error) => void errors.push(error));
  const connect = (channels: string[], more: Partial<ConnectOptions> = {}) =>
    engine.connect({ channels, ...more });
  /** Somebody who is told of joins and leaves. */
  const watch = async (
    channels: string[],
    more: Partial<ConnectOptions> = {},
  ): Promise<Recorder> =>
    new Recorder(await connect(channels, { watch: true, ...more }));
  return { engine, clock, errors, connect, watch };
}

/** What a watcher got: `+id` and `-id` with the channel, messages, resets. */
function seen({ written }: Recorder): string[] {
  return written.flatMap((piece) => {
    if (!("frames" in piece)) {
      const { type, channel } = piece.data as {
        type: string;
        channel?: string;
      };
      return [`${type} ${channel}`];
    }
    return piece.frames.map(({ kind, channel, data }) => {
      if (kind === "message") return `${channel}=${data}`;
      const sign = kind === "join" ? "+" : "-";
      return `${channel}${sign}${JSON.parse(data).connection}`;
    });
  });
}

test("presence() lists each follower once, by name or pattern, parked or away", async () => {
  const { engine, connect } = setup();
  assertEquals(engine.presence("a/b"), []);
  const identity = { subject: "ann", claims: { secret: 1 } };
  const parked = new Recorder(
    await connect(["a/b", "a/*", "**"], { identity }),
  );
  const away = await connect(["a/**"]);
  await connect(["a", "b/*"]);
  await connect(["a", "b/*", "*"]);
  const list = engine.presence("a/b");
  assertEquals(list, [
    { connection: parked.connection.id, subject: "ann" },
    { connection: away.id },
  ]);
});

test("presence() takes a channel that one may publish to, and no pattern", () => {
  const { engine } = setup();
  for (const name of ["a/*", "**", "$all", "$presence/a", ""]) {
    const { code } = assertThrows(() => engine.presence(name), PushError);
    assertEquals(code, "invalid_channel");
  }
  assertEquals(engine.channels, [], "asking makes no channel");
});

test("joins and leaves come in their order among the messages (N11.2)", async () => {
  const { engine, connect, watch } = setup();
  const watcher = await watch(["a"]);
  await engine.publish("a", 1);
  const { id } = await connect(["a"]);
  await engine.publish("a", 2);
  engine.drop(id);
  await engine.publish("a", 3);
  await turn();
  assertEquals(seen(watcher), ["a=1", `a+${id}`, "a=2", `a-${id}`, "a=3"]);
  assertEquals(watcher.got, [1, 2, 3, 4, 5]);
});

test("joins and leaves of a channel go to those alone who ask (N11.2)", async () => {
  const { engine, connect, watch } = setup();
  const plain = new Recorder(await connect(["a"]));
  const applied = engine.node.applied;
  engine.drop((await connect(["a"])).id);
  assertEquals(engine.node.applied, applied, "nobody asks, nothing is told");
  const watcher = await watch(["a", "b"]);
  const everything = new Recorder(await connect(["**"]));
  const { id } = await connect(["b", "c"]);
  await turn();
  const { id: other } = everything.connection;
  assertEquals(seen(watcher), [`a+${other}`, `b+${other}`, `b+${id}`]);
  assertEquals([plain.got, everything.got], [[], []]);
});

test("one who follows a channel by several names joins and leaves once (N11.1)", async () => {
  const { engine, connect, watch } = setup();
  const watcher = await watch(["a/b"]);
  const { id } = await connect(["a/*", "a/b", "**", "x"]);
  await turn();
  assertEquals(seen(watcher), [`a/b+${id}`]);
  engine.drop(id);
  await turn();
  assertEquals(seen(watcher), [`a/b+${id}`, `a/b-${id}`]);
});

test("one who changes names but goes on to follow neither leaves nor joins", async () => {
  const { connect, watch } = setup();
  const watcher = await watch(["a"]);
  const { key, id } = await connect(["a", "x"]);
  await connect(["a"], { key });
  await connect(["*"], { key });
  await connect(["a", "y"], { key });
  await turn();
  assertEquals(seen(watcher), [`a+${id}`]);
  await connect(["y"], { key });
  await turn();
  assertEquals(seen(watcher), [`a+${id}`, `a-${id}`]);
});

test("one who is away for a moment is still there; it leaves when it is dropped (N11.2)", async () => {
  const { engine, clock, connect, watch } = setup();
  const watcher = await watch(["a"]);
  const one = await connect(["a"]);
  const { sink } = new Recorder(one).connection;
  one.unpark(sink!);
  clock.advance(8_000);
  assertEquals(engine.presence("a").length, 2);
  new Recorder(await connect([], { key: one.key }));
  one.unpark(one.sink!);
  clock.advance(8_000);
  await turn();
  assertEquals(seen(watcher), [`a+${one.id}`], "no leave, and no second join");
  clock.advance(3_000);
  await turn();
  assertEquals(seen(watcher), [`a+${one.id}`, `a-${one.id}`]);
  assertEquals(engine.presence("a").length, 1);
});

test("a dropped connection is unsubscribed first, then the drop is told", async () => {
  const { engine, connect } = setup();
  const told: string[] = [];
  engine.on("unsubscribe", (connection, name) => {
    told.push(`unsubscribe ${name} ${connection.ended}`);
  });
  engine.on("drop", ({ channels }, reason) => {
    told.push(`drop ${reason} ${channels.length}`);
    told.push(`present ${engine.presence("a").length}`);
  });
  const { id } = await connect(["a", "b/*"], { watch: undefined });
  await engine.sendTo(id, "x", 1);
  engine.drop(id);
  assertEquals(told, [
    "unsubscribe a kicked",
    "unsubscribe b/* kicked",
    "drop kicked 0",
    "present 0",
  ]);
});

test("a watcher sees its own join only if somebody watched before", async () => {
  const { watch } = setup();
  const first = await watch(["a"]);
  const second = await watch(["a"]);
  await turn();
  const { id } = second.connection;
  assertEquals([seen(first), seen(second)], [[`a+${id}`], []]);
});

test("a watch takes no pattern, and changes nothing (N11.2)", async () => {
  const { engine, watch } = setup();
  for (const names of [["a/*"], ["a", "**"]]) {
    const { code } = await assertRejects(() => watch(names), PushError);
    assertEquals(code, "invalid_request");
  }
  assertEquals([engine.connections.size, engine.channels], [0, []]);
});

test("a watch ends where the client comes back without it", async () => {
  const { connect, watch } = setup();
  const watcher = await watch(["a"]);
  const { key } = watcher.connection;
  const again = new Recorder(await connect(["a"], { key }));
  await connect(["a"]);
  await turn();
  assertEquals([seen(watcher), seen(again)], [[], []]);
});

test("a watcher that lingered gets the joins and leaves that it missed (N11.3)", async () => {
  const { engine, connect, watch } = setup();
  const { connection } = await watch(["a"]);
  connection.unpark(connection.sink!);
  const since = engine.node.id;
  const { id } = await connect(["a"]);
  const { key } = connection;
  assertEquals(seen(await watch(["a"], { key, since })), [`a+${id}`]);
});

/** A watcher is dropped, others come and go, and it comes back with `since`. */
async function absence(
  options: EngineOptions,
  meanwhile: (
    it: ReturnType<typeof setup>,
  ) => unknown,
): Promise<string[]> {
  const it = setup(options);
  const { engine, connect, watch } = it;
  const watcher = await watch(["a"]);
  await connect(["a"]);
  await turn();
  const since = engine.node.id;
  engine.drop(watcher.connection.id);
  await meanwhile(it);
  await connect(["a"]);
  const back = await watch(["a"], { since });
  await turn();
  const { backplane } = options;
  if (backplane instanceof HandBackplane) await backplane.answerAll();
  return seen(back);
}

const RESET = ["reset $presence/a"];

test("a watcher that comes back when nobody watched is told to ask again (N11.3)", async () => {
  assertEquals(await absence({}, () => {}), RESET);
});

test("a watcher that comes back is told so even if the log was swept away (N11.3)", async () => {
  const meanwhile = ({ clock }: ReturnType<typeof setup>) =>
    clock.advance(600_000);
  assertEquals(await absence({}, meanwhile), RESET);
});

test("a watcher that comes back is told so even if another began to watch (N11.3)", async () => {
  const meanwhile = async ({ connect, watch }: ReturnType<typeof setup>) => {
    await connect(["a"]);
    const other = await watch(["a"]);
    return other;
  };
  const [first] = await absence({}, meanwhile);
  assertEquals(first, RESET[0]);
});

test("a watcher that comes back is told so whatever the backplane holds (N11.3)", async () => {
  const backplane = new HandBackplane();
  const meanwhile = ({ clock }: ReturnType<typeof setup>) =>
    clock.advance(600_000);
  assertEquals(await absence({ backplane }, meanwhile), RESET);
});

test("a newcomer that watches gets no reset (N6.2)", async () => {
  for (const since of [undefined, "earliest"]) {
    const { engine, connect, watch } = setup();
    await engine.publish("a", 1);
    await connect(["a"]);
    const newcomer = await watch(["a"], { since });
    await turn();
    assertEquals(seen(newcomer), since ? ["a=1"] : []);
  }
});

test("a node that goes away with watchers has no error to tell", async () => {
  const { engine, connect, errors, watch } = setup();
  await connect(["**"]);
  await watch(["a", "b", "c"]);
  await engine.close();
  await turn();
  assertEquals(errors, []);
});
