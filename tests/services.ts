/**
 * Redis and NATS for tests: real servers on free ports, with their data in a
 * folder that goes with them, and a way there that can be cut.
 * @module
 */
import { cpSync, existsSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import process from "node:process";
import { test as declare } from "./harness.ts";
import { Child } from "./http/child.ts";
import { freePort } from "./port.ts";

/** Where a server is: on PATH, or where Debian keeps what servers run. */
function find(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin"];
  return folders.map((folder) => `${folder}/${name}`).find(existsSync);
}

/**
 * Whether tests that need `program` are declared: not if it is not installed, unless
 * everything has to be there (`HALLEY_ALL=1`, as in the project's own checks).
 */
export function declared(program: string): boolean {
  if (find(program) || process.env.HALLEY_ALL === "1") return true;
  console.warn(`Not run here, because ${program} is not installed: its tests.`);
  return false;
}

/** What declares tests that need `program`, or says which of them are not run. */
export function testWith(program: string): typeof declare {
  if (declared(program)) return declare;
  return (name) => console.warn(`Not run here: ${name}`);
}

/** A server that can be killed, paused, and started again where it was. */
export class Service implements AsyncDisposable {
  /** Where its data is. */
  readonly folder: string;
  readonly #command: (port: number, folder: string) => string[];
  readonly #ready: string;
  #child: Child;

  private constructor(
    readonly port: number,
    folder: string,
    command: (port: number, folder: string) => string[],
    ready: string,
  ) {
    this.folder = folder;
    this.#command = command;
    this.#ready = ready;
    this.#child = new Child(command(port, folder));
  }

  /** Redis; `more` is added to its command line. It forgets at exit by default. */
  static redis(...more: string[]): Promise<Service> {
    const command = (port: number, folder: string) => [
      program("redis-server"),
      ...["--port", `${port}`, "--bind", "127.0.0.1", "--dir", folder],
      ...["--save", "", ...more],
    ];
    return Service.#start(command, "Ready to accept connections");
  }

  /** NATS with JetStream. */
  static nats(): Promise<Service> {
    const command = (port: number, folder: string) => [
      program("nats-server"),
      ...["-a", "127.0.0.1", "-p", `${port}`, "-js", "-sd", folder],
    ];
    return Service.#start(command, "Server is ready");
  }

  static async #start(
    command: (port: number, folder: string) => string[],
    ready: string,
  ): Promise<Service> {
    const folder = mkdtempSync(`${tmpdir()}/halley-`);
    const service = new Service(await freePort(), folder, command, ready);
    await service.#child.says(ready);
    return service;
  }

  /** Kills it as a power cut does. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exit;
  }

  /** Starts it again where it was; `forgetful` without what it had kept. */
  async restart(forgetful = false): Promise<void> {
    if (forgetful) rmSync(this.folder, { recursive: true });
    this.#child = new Child(this.#command(this.port, this.folder));
    await this.#child.says(this.#ready);
  }

  /**
   * Keeps what it has on disk; returns what kills it and puts that in place of all that
   * has come since, so that it starts as a replica does that lags.
   */
  snapshot(): () => Promise<void> {
    const copy = `${this.folder}.old`;
    this.pause();
    cpSync(this.folder, copy, { recursive: true });
    this.resume();
    return async () => {
      await this.kill();
      rmSync(this.folder, { recursive: true });
      renameSync(copy, this.folder);
    };
  }

  /** Stops it in its tracks: connections stay, and nobody answers. */
  pause(): void {
    this.#child.kill("SIGSTOP");
  }

  /** Lets it go on. */
  resume(): void {
    this.#child.kill("SIGCONT");
  }

  /** Ends it, with all it has kept. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function program(name: string): string {
  const path = find(name);
  if (path) return path;
  throw new Error(`${name} is not on PATH; on Debian: apt-get install ${name}`);
}

/** A way to a port of this machine that can be cut. */
export class Wire implements AsyncDisposable {
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** How many connections came through. */
  count = 0;
  /** How many bytes it carries in a ms, in each direction. */
  rate = Infinity;
  #broken = false;

  private constructor(server: Server, port: number, public target: number) {
    this.#server = server;
    this.port = port;
  }

  /** Leads to `target`. */
  static async to(target: number): Promise<Wire> {
    const server = createServer();
    await new Promise<void>((resolve) =>
      server.listen(0, "127.0.0.1", resolve)
    );
    const { port } = server.address() as { port: number };
    const wire = new Wire(server, port, target);
    server.on("connection", (socket) => wire.#lead(socket));
    return wire;
  }

  #lead(near: Socket): void {
    if (this.#broken) return void near.destroy();
    this.count++;
    const far = connect(this.target, "127.0.0.1");
    for (const [from, to] of [[near, far], [far, near]] as const) {
      this.#sockets.add(from);
      from.setNoDelay(true);
      from.on("data", (bytes) => {
        to.write(bytes);
        if (this.rate === Infinity) return;
        from.pause();
        setTimeout(() => from.resume(), bytes.length / this.rate);
      });
      from.on("error", () => from.destroy());
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }

  /** Cuts every connection; new ones come through. */
  cut(): void {
    for (const socket of [...this.#sockets]) socket.destroy();
  }

  /** Cuts it until it is mended. */
  break(): void {
    this.#broken = true;
    this.cut();
  }

  /** Lets new connections through, to another port if one is given. */
  mend(target = this.target): void {
    this.target = target;
    this.#broken = false;
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.break();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
