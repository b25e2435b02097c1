/**
 * Those who listen at some node, and what they are told of joins and leaves.
 * @module
 */
import type { ConnectOptions } from "../../src/arrival.ts";
import type { Engine } from "../../src/engine.ts";
import type { Cluster } from "../hub.ts";
import { Recorder } from "../recorder.ts";

/** Somebody who listens. */
export async function listen(
  engine: Engine,
  channels: string[],
  more: Partial<ConnectOptions> = {},
): Promise<Recorder> {
  return new Recorder(await engine.connect({ channels, ...more }));
}

/** Somebody who is told of joins and leaves. */
export async function watch(
  cluster: Cluster,
  engine: Engine,
  channels: string[],
): Promise<Recorder> {
  const watching = listen(engine, channels, { watch: true });
  await cluster.said();
  return await watching;
}

/** The joins and leaves it got, its own left out. */
export function seen({ written, connection }: Recorder): string[] {
  return written.flatMap((piece) =>
    "frames" in piece
      ? piece.frames.filter(({ kind }) => kind !== "message")
        .map(({ kind, data }) => [kind, JSON.parse(data).connection])
        .filter(([, id]) => id !== connection.id)
        .map(([kind, id]) => `${kind === "join" ? "+" : "-"}${id}`)
      : []
  );
}

/** What it was told that a part of is missing. */
export function resets({ written }: Recorder): (string | undefined)[] {
  return written.flatMap((piece) =>
    "data" in piece && piece.data.type === "reset" ? [piece.data.channel] : []
  );
}
