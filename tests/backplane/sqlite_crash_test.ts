/** The SQLite backplane when the process is killed, or the disk is full. */
import { assert, assertEquals } from "@std/assert";
import type { Backplane } from "../../src/backplane.ts";
import type { Frame } from "../../src/frame.ts";
import { Ear } from "../ear.ts";
import { runtime, test, until } from "../harness.ts";
import { Child, standalone } from "../http/child.ts";
import { listen, publish } from "../http/halley.ts";
import { Folder } from "./files.ts";
import process from "node:process";

const PROGRAM = new URL("crash_program.ts", import.meta.url).pathname;

/** How often the process is killed. */
const KILLS = 10;

function program(path: string, size: number, name: string): string[] {
  const run = runtime === "deno" ? ["run", "-A", "--no-check"] : [];
  return [process.execPath, ...run, PROGRAM, path, String(size), name];
}

/** Every message of an order that has lost none, from its first. */
async function everything(backplane: Backplane): Promise<Frame[]> {
  const { epoch, seq } = await backplane.top();
  const ear = new Ear();
  backplane.feed({ epoch, seq: 0 }, ear)();
  assertEquals(ear.epochs, []);
  assertEquals(ear.lostUpTo, [], "there is no hole");
  assertEquals(ear.seqs, [...Array(seq)].map((_, i) => i + 1));
  return ear.frames;
}

/** The words of each whole line that begins with `word`. */
function said(output: string, word: string): string[][] {
  const lines = output.slice(0, output.lastIndexOf("\n")).split("\n");
  return lines.map((line) => line.split(" ")).filter(([w]) => w === word);
}

test("kill -9 at any moment leaves every answered message, one epoch, and no hole", async () => {
  using folder = new Folder();
  const epochs = new Set<string>();
  const acks = new Map<string, number>();
  let fromKills = 0;
  for (let round = 0; round < KILLS; round++) {
    await using child = new Child(program(folder.file(), 100, `r${round}`));
    // The first is killed as it starts, the others after more and more.
    const enough = Math.floor(Math.random() * round * 60);
    await until(() => round === 0 || said(child.output, "ack").length > enough);
    child.kill("SIGKILL");
    await child.exit;
    const backplane = folder.open();
    const { epoch } = await backplane.top();
    const frames = await everything(backplane);
    await backplane.close();
    for (const [, begun] of said(child.output, "begin")) epochs.add(begun!);
    epochs.add(epoch);
    for (const [, seq, data] of said(child.output, "ack")) {
      acks.set(data!, Number(seq));
      fromKills++;
    }
    const kept = new Map(
      frames.map(({ data, seq }) => [JSON.parse(data).split(" ")[0], seq]),
    );
    assertEquals(kept.size, frames.length, "nothing is there twice");
    for (const [data, seq] of acks) assertEquals(kept.get(data), seq, data);
    for (const [, seq] of said(child.output, "heard")) {
      assert(Number(seq) <= frames.length, "what was heard was committed");
    }
  }
  assertEquals(epochs.size, 1, [...epochs].join());
  assert(fromKills > 100, `${fromKills} messages were answered`);
});

test("a full disk refuses as unavailable, delivers nothing of it, and heals", async () => {
  using folder = new Folder();
  const command = program(folder.file(), 10_000, "full");
  // Two megabytes; what writes more is told so, as by a disk without room.
  const limit = "ulimit -S -f 4000; trap '' XFSZ; exec \"$@\"";
  await using child = new Child(["sh", "-c", limit, "sh", ...command]);
  await child.says("refused unavailable");
  const { pid } = child.process;
  await using raise = new Child([
    "prlimit",
    `--pid=${pid}`,
    "--fsize=unlimited",
  ]);
  assertEquals(await raise.exit, 0, raise.output);
  const before = said(child.output, "ack").length;
  await until(() => said(child.output, "ack").length >= before + 50);
  child.kill("SIGKILL");
  await child.exit;
  const backplane = folder.open();
  const frames = await everything(backplane);
  await backplane.close();
  const kept = new Map(
    frames.map(({ data, seq }) => [JSON.parse(data).split(" ")[0], seq]),
  );
  for (const [, seq, data] of said(child.output, "ack")) {
    assertEquals(kept.get(data!), Number(seq));
  }
  const refused = said(child.output, "refused");
  assert(refused.length > 0);
  for (const [, code, data] of refused) {
    assertEquals([code, kept.get(data!)], ["unavailable", undefined]);
  }
  const heard = said(child.output, "heard").map(([, seq]) => Number(seq));
  assertEquals(heard, heard.map((_, i) => i + 1), "each once, in order");
});

test("a client resumes over a server killed and started again, without a reset", async () => {
  using folder = new Folder();
  const env = { HALLEY_DATA: folder.file("data/halley.db") };
  const received: unknown[] = [];
  let since: string | undefined;
  let key = "";
  // How much it has had of what each server's five messages add up to.
  for (const [round, enough] of [3, 8, 15].entries()) {
    await using halley = await standalone(env);
    const url = `${halley.url}/news`;
    const headers = { accept: "application/x-ndjson" };
    const returns = since && { "last-event-id": since, "push-key": key };
    const listener = await listen(url, { ...headers, ...returns });
    const open = await listener.frame("open");
    since ??= open.id as string;
    key ||= open.key;
    assertEquals([open.id, open.key], [since, key], "it is where it was");
    for (let i = 0; i < 5; i++) await publish(url, `${round} ${i}`);
    while (received.length < enough) {
      const { frame } = (await listener.next())!;
      assert(frame.type !== "reset", JSON.stringify(frame));
      if (frame.type !== "message") continue;
      received.push(frame.data);
      since = frame.id as string;
    }
    halley.child.kill("SIGKILL");
    await halley.child.exit;
  }
  const all = [0, 1, 2].flatMap((round) =>
    [0, 1, 2, 3, 4].map((i) => `${round} ${i}`)
  );
  assertEquals(received, all);
});
