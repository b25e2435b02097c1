/**
 * Publishes to a file as fast as it can, until it is killed: `ack SEQ DATA` for
 * what was answered, `heard SEQ` for what the feed brought, `refused CODE DATA`.
 * Its arguments: the file, how long its messages are, and a name for its data.
 * @module
 */
import { writeSync } from "node:fs";
import process from "node:process";
import { sqlite } from "../../src/backplane/sqlite.ts";
import type { PushError } from "../../src/errors.ts";
import { turn } from "../harness.ts";

const [path, size, name] = process.argv.slice(2);
// At once, and not when the event loop comes to it: what was said is true.
const say = (line: string) => writeSync(1, `${line}\n`);

const backplane = sqlite({ path: path!, history: { frames: 100_000 } });
backplane.feed(undefined, {
  epoch: ({ epoch, seq }) => say(`begin ${epoch} ${seq}`),
  frame: ({ seq }) => say(`heard ${seq}`),
  lost: (seq) => say(`lost ${seq}`),
});
const filler = "x".repeat(Number(size));
for (let n = 0;; n++) {
  const data = JSON.stringify(`${name}-${n} ${filler}`);
  const log = `log/${n % 7}`;
  const key = n % 3 ? undefined : `key ${name} ${n}`;
  const draft = { log, channel: log, data, time: Date.now(), key };
  (async () => await backplane.publish(draft))().then(
    ({ seq }) => say(`ack ${seq} ${name}-${n}`),
    (error: PushError) => say(`refused ${error.code} ${name}-${n}`),
  );
  if (n % 5 === 0) await turn();
}
