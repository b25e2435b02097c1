/**
 * A replica of a Redis, which lags once it is cut off, and takes the place of its
 * master when that is killed.
 * @module
 */
import { assert } from "@std/assert";
import { command } from "../backplane/redis_clients.ts";
import { until } from "../outside.ts";
import { Service, Wire } from "../services.ts";

/** A replica, and the way to its master. */
export class Replica implements AsyncDisposable {
  readonly service: Service;
  readonly #master: Service;
  readonly #wire: Wire;

  private constructor(master: Service, service: Service, wire: Wire) {
    this.service = service;
    this.#master = master;
    this.#wire = wire;
  }

  /** Starts one; it has all that `master` had when this is done. */
  static async of(master: Service): Promise<Replica> {
    const at = await seqOf(master.port);
    await command(master.port, ...CONFIG);
    const wire = await Wire.to(master.port);
    const of = ["--replicaof", "127.0.0.1", `${wire.port}`];
    const service = await Service.redis(...of);
    await until(async () => await seqOf(service.port) >= at, "it follows");
    return new Replica(master, service, wire);
  }

  /** Nothing comes to it from here on. */
  cutOff(): void {
    this.#wire.break();
  }

  /** The master dies; what it had and this has not is gone. */
  async outlive(): Promise<void> {
    const lag = await seqOf(this.#master.port) - await seqOf(this.service.port);
    assert(lag > 0, "it lags");
    await this.#master.kill();
  }

  /** It only reads until it is told that it is the master. */
  async promote(): Promise<void> {
    await command(this.service.port, "REPLICAOF", "NO", "ONE");
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#wire[Symbol.asyncDispose]();
    await this.service[Symbol.asyncDispose]();
  }
}

/** Without it a replica waits 5 s for others that may come. */
const CONFIG = ["CONFIG", "SET", "repl-diskless-sync-delay", "0"];

async function seqOf(port: number): Promise<number> {
  return Number(await command(port, "HGET", "{halley}:order", "seq"));
}
