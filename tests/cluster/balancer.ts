/**
 * A plain TCP balancer: every connection goes to the next node that takes it.
 * @module
 */
import { connect, createServer, type Server, type Socket } from "node:net";

/** The way to several ports of this machine; it can be cut. */
export class Balancer implements AsyncDisposable {
  readonly port: number;
  /** How many connections each target has taken. */
  readonly taken = new Map<number, number>();
  readonly #server: Server;
  readonly #targets: readonly number[];
  readonly #sockets = new Set<Socket>();
  #next = 0;

  private constructor(server: Server, port: number, targets: number[]) {
    this.#server = server;
    this.port = port;
    this.#targets = targets;
  }

  /** Leads to `targets`. */
  static async to(targets: number[]): Promise<Balancer> {
    const server = createServer();
    await new Promise<void>((resolve) =>
      server.listen(0, "127.0.0.1", resolve)
    );
    const { port } = server.address() as { port: number };
    const balancer = new Balancer(server, port, targets);
    server.on("connection", (near) => balancer.#lead(near, targets.length));
    return balancer;
  }

  /** Cuts `share` of all connections (default all); new ones come through. */
  cut(share = 1): void {
    for (const socket of [...this.#sockets]) {
      if (Math.random() < share) socket.destroy();
    }
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.cut();
    await closed;
  }

  /** Leads to the next target; if nobody is there, to the one after it. */
  #lead(near: Socket, attempts: number): void {
    if (attempts === 0) return void near.destroy();
    const target = this.#targets[this.#next++ % this.#targets.length]!;
    const far = connect(target, "127.0.0.1");
    const refused = () => this.#lead(near, attempts - 1);
    far.once("error", refused);
    far.once("connect", () => {
      far.off("error", refused);
      this.taken.set(target, (this.taken.get(target) ?? 0) + 1);
      for (const [from, to] of [[near, far], [far, near]] as const) {
        this.#sockets.add(from);
        from.setNoDelay(true);
        from.on("error", () => from.destroy());
        from.on("close", () => {
          this.#sockets.delete(from);
          to.destroy();
        });
        from.pipe(to);
      }
    });
  }
}
