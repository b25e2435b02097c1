/**
 * Whether a node can serve: for load balancers, and for those who are woken.
 * @module
 */
import type { Backplane, MaybePromise } from "../backplane.ts";
import type { Settings } from "../options.ts";
import { onSilence } from "../silence.ts";

/** How long a backplane may take to answer, or to end, in ms. */
const PATIENCE = 1_000;

/** What a node can do at present. */
export type State = "ready" | "starting" | "draining" | "backplane";

/** What is to be known of a node. */
export interface HealthHost {
  readonly epoch: string;
  readonly applied: number;
  /** Whatever is there while it goes away. */
  readonly drain: unknown;
  readonly settings: Settings;
}

/** Asks a node and its backplane how they are. */
export class Health {
  /** Whether the backplane answered when it was asked last. */
  reachable = true;
  /** How many messages of the order had not come here when it was asked last. */
  behind = 0;
  readonly #node: HealthHost;
  readonly #backplane: Backplane;
  #asking: Promise<State> | undefined;

  constructor(node: HealthHost, backplane: Backplane) {
    this.#node = node;
    this.#backplane = backplane;
  }

  /** What the node can do; many who ask at a time share one question. */
  check(): Promise<State> {
    return this.#asking ??= this.#check().finally(() =>
      this.#asking = undefined
    );
  }

  async #check(): Promise<State> {
    if (this.#node.drain) return "draining";
    const top = await this.within(this.#backplane.top()).catch(() => {});
    const { drain, epoch, applied } = this.#node;
    this.reachable = top !== undefined;
    if (top) this.behind = epoch === top.epoch ? top.seq - applied : top.seq;
    if (drain) return "draining";
    if (!this.reachable) return "backplane";
    return epoch === "" ? "starting" : "ready";
  }

  /** What `work` gives, or nothing if that takes the backplane too long. */
  async within<T>(work: MaybePromise<T>): Promise<T | undefined> {
    if (!(work instanceof Promise)) return work;
    const { clock } = this.#node.settings;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const stop = onSilence(PATIENCE, () => resolve(undefined), clock);
    return await Promise.race([work, promise]).finally(stop);
  }
}
