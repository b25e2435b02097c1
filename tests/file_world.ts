/**
 * The simulated backplane with its order in a real file: `sqlite()` decides what is
 * published, what reads find and where floors are; the feed is late as ever.
 * @module
 */
import type { Backplane, Draft, Reading, Tops } from "../src/backplane.ts";
import type { Position } from "../src/position.ts";
import { Folder } from "./backplane/files.ts";
import { World } from "./simulated_backplane.ts";

/** So few that logs are trimmed, and keep fewer than the engines' own at times. */
const HISTORY = { frames: 4 };

/** A world in a folder of its own. */
export class FileWorld extends World {
  readonly #folder = new Folder();
  #files = 0;
  #backplane: Backplane | undefined;

  constructor() {
    super();
    this.renew();
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

  /** Another file, as if the former one had been lost. */
  override renew(): void {
    this.#backplane?.close();
    const path = this.#folder.file(`${++this.#files}.db`);
    this.#backplane = this.#folder.open({ path, history: HISTORY });
    this.#backplane.feed(undefined, {
      epoch: ({ epoch }) => super.renew(epoch),
      frame: (frame) => {
        this.frames.push(frame);
        this.history.push(frame);
      },
      lost: () => {},
    });
  }

  override async end(): Promise<void> {
    await this.#backplane?.close();
    this.#folder[Symbol.dispose]();
  }
}
