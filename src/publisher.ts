/**
 * The way of a message to the backplane: its channel's name, its schema and its
 * size are checked, and it becomes JSON text, once.
 * @module
 */
import type { Backplane } from "./backplane.ts";
import type { PublishOptions } from "./channel.ts";
import { PushError } from "./errors.ts";
import { jsonText } from "./message.ts";
import { channelFault, patternsOf } from "./name.ts";
import type { Settings } from "./options.ts";
import { formatId } from "./position.ts";
import { check, type StandardSchema } from "./schema.ts";

/** Publishes to one backplane. */
export class Publisher {
  readonly #backplane: Backplane;
  readonly #settings: Settings;
  /** What data must look like, by channel or pattern. */
  readonly schemas: Map<string, StandardSchema> = new Map();

  constructor(backplane: Backplane, settings: Settings) {
    this.#backplane = backplane;
    this.#settings = settings;
  }

  /** Publishes to `log` what is about `channel`; resolves to the id. */
  async publish(
    log: string,
    channel: string,
    data: unknown,
    options: PublishOptions,
  ): Promise<string> {
    checkChannel(channel);
    const { limits, clock } = this.#settings;
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
    const { epoch, seq } = await this.#backplane.publish(draft);
    return formatId(epoch, seq);
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

/** Sends to several: an id each, `undefined` where a connection is gone. */
export function sendToEach(
  connections: readonly string[],
  send: (connection: string) => Promise<string>,
): Promise<(string | undefined)[]> {
  return Promise.all(connections.map((id) =>
    send(id).catch((error) => {
      const gone = error instanceof PushError && error.code === "not_found";
      if (gone) return undefined;
      throw error;
    })
  ));
}
