/**
 * The way of a message to the backplane: its channel's name, its schema and its
 * size are checked, and it becomes JSON text, once.
 * @module
 */
import type { Backplane, Draft, MaybePromise } from "./backplane.ts";
import type { PublishOptions } from "./channel.ts";
import { isAway, PushError } from "./errors.ts";
import { newKey } from "./key.ts";
import { jsonText } from "./message.ts";
import { channelFault, patternsOf } from "./name.ts";
import type { Node } from "./node.ts";
import { formatId, type Position } from "./position.ts";
import { check, type StandardSchema } from "./schema.ts";
import { within } from "./silence.ts";

/** After how long a backplane that is out of reach is tried again, in ms. */
const RETRY = 100;
/** How many messages may wait for that. */
const WAITING = 10_000;

/** Publishes to one backplane. */
export class Publisher {
  readonly #node: Node;
  readonly #backplane: Backplane;
  /** What data must look like, by channel or pattern. */
  readonly schemas: Map<string, StandardSchema> = new Map();
  /** While the backplane is out of reach: until it is tried again. */
  #pause: Promise<void> | undefined;
  /** How many messages wait for that. */
  #held = 0;

  constructor(node: Node, backplane: Backplane) {
    this.#node = node;
    this.#backplane = backplane;
  }

  /** Publishes to `log` what is about `channel`; resolves to the id. */
  async publish(
    log: string,
    channel: string,
    data: unknown,
    options: PublishOptions,
  ): Promise<string> {
    this.#node.ready();
    checkChannel(channel);
    const { limits, clock, publishTimeout } = this.#node.settings;
    if (this.schemas.size > 0) {
      for (const name of [channel, ...patternsOf(channel)]) {
        const schema = this.schemas.get(name);
        if (!schema) continue;
        // Waiting would let what is published next overtake this.
        const checked = check(schema, data);
        data = checked instanceof Promise ? await checked : checked;
      }
    }
    const text = jsonText(data, limits.message);
    const draft = { ...options, log, channel, data: text, time: clock.now() };
    const { epoch, seq } = publishTimeout === 0
      ? await this.#backplane.publish(draft)
      : await this.#patiently(draft, clock.now() + publishTimeout);
    return formatId(epoch, seq);
  }

  /** Tries again and again until `end`, in ms since 1970; nothing overtakes it. */
  async #patiently(draft: Draft, end: number): Promise<Position> {
    const { clock } = this.#node.settings;
    // Whether a failed try has published it, nobody knows: the key does.
    const keyed = { ...draft, key: draft.key ?? `$${newKey()}` };
    for (;;) {
      while (this.#pause) {
        if (this.#held >= WAITING) {
          throw new PushError("unavailable", "Too many messages wait.");
        }
        this.#held++;
        await this.#pause;
        this.#held--;
      }
      try {
        return await this.#by(end, this.#backplane.publish(keyed));
      } catch (error) {
        const late = this.#node.closed || clock.now() >= end;
        if (late || !isAway(error)) throw error;
        this.#pause ??= new Promise((resolve) => {
          clock.schedule(() => {
            this.#pause = undefined;
            resolve();
          }, RETRY);
        });
      }
    }
  }

  /** What comes by `end`; else nobody knows. */
  async #by<T>(end: number, result: MaybePromise<T>): Promise<T> {
    if (!(result instanceof Promise)) return result;
    const { clock } = this.#node.settings;
    const left = Math.max(0, end - clock.now());
    const late = () => new PushError("unavailable");
    return await within(left, result, late, clock);
  }
}

/** Throws a `PushError` unless one may publish to a channel of this name. */
export function checkChannel(name: string): void {
  refuse(name, channelFault(name));
}

/** Throws `invalid_channel` if there is a `fault`. */
export function refuse(name: string, fault: string | undefined): void {
  if (fault) throw new PushError("invalid_channel", `${name}: ${fault}`);
}

/** How many are sent to at once: what waits for a backplane is bounded. */
const TOGETHER = 1_000;

/** Sends to several: an id each, `undefined` where a connection is gone. */
export async function sendToEach(
  connections: readonly string[],
  send: (connection: string) => Promise<string>,
): Promise<(string | undefined)[]> {
  const ids: (string | undefined)[] = [];
  for (let i = 0; i < connections.length; i += TOGETHER) {
    const some = connections.slice(i, i + TOGETHER).map((id) =>
      send(id).catch((error) => {
        const gone = error instanceof PushError && error.code === "not_found";
        if (gone) return undefined;
        throw error;
      })
    );
    ids.push(...await Promise.all(some));
  }
  return ids;
}
