/**
 * Reads the feed of a Redis order on a connection of its own, for as many
 * listeners as there are.
 * @module
 */
import { Fan, Page, type Past } from "./fan.ts";
import type { RedisConnection } from "./redis_connection.ts";
import { type LinkHost, RedisLink } from "./redis_link.ts";
import { frameOf, type RedisOrder, type Top } from "./redis_order.ts";

/** How long one read waits, in ms; after that the state is looked at again. */
const BLOCK = 2_000;

/** The reader of a node. */
export class RedisFeed {
  readonly fan: Fan;
  readonly link: RedisLink;
  readonly #order: RedisOrder;
  readonly #page = new Page();
  #gen = "";

  /** `readers` is where the past is read, as this connection waits for what comes. */
  constructor(host: LinkHost, order: RedisOrder, readers: RedisLink) {
    this.#order = order;
    const past: Past = async ({ epoch, seq }, limit) => {
      const gen = this.#gen;
      const connection = await readers.ready(order.patience);
      const entries = await order.past(connection, gen, seq, limit);
      return entries.map((entry) => frameOf(entry, epoch));
    };
    this.fan = new Fan(past);
    this.link = new RedisLink(host, async (connection) => {
      await this.#look(connection);
      this.#follow(connection).catch((error) => connection.end(error));
    });
  }

  /**
   * Finds out where the order is, and whether it is another. After a connection
   * was lost this comes before anything else: XREAD waits in silence for an id of a
   * future that is gone.
   */
  async #look(connection: RedisConnection): Promise<boolean> {
    const { fan } = this;
    const { top } = await this.#order.publish(connection, fan.known);
    const same = top.epoch === fan.read.epoch;
    if (!same) {
      // Who begins does so at the present; who was there gets all of the new order.
      const seq = fan.read.epoch === "" ? top.seq : await this.#first(
        connection,
        top,
      );
      this.#gen = top.gen;
      fan.begin({ epoch: top.epoch, seq });
    }
    return !same;
  }

  /** Where the feed of an order begins. */
  async #first(connection: RedisConnection, top: Top): Promise<number> {
    const [first] = await this.#order.past(connection, top.gen, 0, 1);
    return first ? first.seq - 1 : top.seq;
  }

  async #follow(connection: RedisConnection): Promise<never> {
    const { fan } = this;
    for (let missed = false;;) {
      const entries = await this.#order.next(
        connection,
        this.#gen,
        fan.read.seq,
        this.#page.try(),
        BLOCK,
      );
      this.#page.came();
      for (const entry of entries) {
        if (entry.gen !== this.#gen) {
          if (await this.#look(connection)) break;
          throw new Error(
            "The feed in Redis is not of the order that is there.",
          );
        }
        if (entry.seq > fan.read.seq + 1) fan.lost(entry.seq - 1);
        fan.frame(frameOf(entry, fan.read.epoch));
      }
      if (entries.length > 0) continue;
      await this.#look(connection);
      // Twice, as the answer to a publish may just have come.
      if (missed && fan.misses) {
        throw new Error(
          "The feed comes from another server than publishes go to.",
        );
      }
      missed = fan.misses;
    }
  }
}
