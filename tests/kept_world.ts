/**
 * The simulated backplane with its order in one that keeps messages: that decides
 * what is published, what reads find and where floors are; the feed is late as ever.
 * @module
 */
import type {
  Backplane,
  Draft,
  FeedListener,
  Reading,
  Tops,
} from "../src/backplane.ts";
import { denoKv } from "../src/backplane/deno_kv.ts";
import type { Position } from "../src/position.ts";
import { Folder } from "./backplane/files.ts";
import { MemoryKv } from "./backplane/memory_kv.ts";
import { hear } from "./ear.ts";
import { World } from "./simulated_backplane.ts";

/** So few that logs are trimmed, and keep fewer than the engines' own at times. */
const history = { frames: 4 };

/** A world on backplanes that are made as orders are lost. */
export class KeptWorld extends World {
  readonly #next: (number: number) => Backplane;
  #number = 0;
  #backplane: Backplane | undefined;

  constructor(next: (number: number) => Backplane) {
    super();
    this.#next = next;
  }

  override async publish(draft: Draft): Promise<Position> {
    return await this.#backplane!.publish(draft);
  }

  override read(log: string, after: number, limit: number): Promise<Reading> {
    return this.#backplane!.read!(log, after, limit);
  }

  override tops(): Promise<Tops> {
    return this.#backplane!.tops!();
  }

  /** Another backplane, as if all that the former one kept were lost. */
  override async renew(): Promise<void> {
    await this.#backplane?.close();
    const backplane = this.#backplane = this.#next(++this.#number);
    const { ear, stop } = await hear(backplane);
    stop();
    super.renew(ear.epochs[0]!.epoch);
    const listener: FeedListener = {
      epoch: () => {},
      lost: () => {},
      frame: (frame) => {
        this.frames.push(frame);
        this.history.push(frame);
      },
    };
    backplane.feed({ epoch: this.epoch, seq: 0 }, listener);
  }

  override async end(): Promise<void> {
    await this.#backplane?.close();
  }
}

/** A world in files. */
export async function fileWorld(): Promise<World> {
  const folder = new Folder();
  const world = new KeptWorld((number) =>
    folder.open({ path: folder.file(`${number}.db`), history })
  );
  await world.renew();
  const { end } = world;
  world.end = async () => {
    await end.call(world);
    folder[Symbol.dispose]();
  };
  return world;
}

/** A world in Deno KV. */
export async function kvWorld(): Promise<World> {
  const world = new KeptWorld(() => denoKv({ kv: new MemoryKv(), history }));
  await world.renew();
  return world;
}
