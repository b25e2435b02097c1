/**
 * Redis and NATS for a measurement: real servers on free ports, which keep what
 * they keep in a folder that goes with them.
 * @module
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import process from "node:process";
import { start } from "./child.ts";
import { sleep } from "./orders.ts";

/** What can be started. */
export type ServiceName = "redis-server" | "nats-server";

/** A service that runs. */
export interface Service {
  readonly pid: number;
  readonly port: number;
  /** Ends it, and removes what it kept. */
  end(): Promise<void>;
}

const ARGUMENTS = {
  "redis-server": (port: number, folder: string) => [
    ...["--port", `${port}`, "--bind", "127.0.0.1"],
    ...["--dir", folder, "--save", ""],
  ],
  "nats-server": (port: number, folder: string) => [
    ...["-a", "127.0.0.1", "-p", `${port}`, "-js", "-sd", folder],
    ...["-l", `${folder}/log`],
  ],
};

/** Where it is installed, on PATH or where Debian keeps servers, if it is. */
export function find(name: ServiceName): string | undefined {
  const folders = [...(process.env.PATH ?? "").split(":"), "/usr/sbin"];
  return folders.map((folder) => `${folder}/${name}`).find(existsSync);
}

/** Starts one that accepts connections. */
export async function startService(name: ServiceName): Promise<Service> {
  const binary = find(name);
  if (binary === undefined) throw new Error(`${name} is not on PATH.`);
  const folder = mkdtempSync(`${tmpdir()}/bench-${name}-`);
  const port = await freePort();
  const child = start([binary, ...ARGUMENTS[name](port, folder)]);
  let ended = false;
  const gone = new Promise<void>((resolve) => {
    child.once("exit", () => resolve(void (ended = true)));
  });
  child.stdout!.resume();
  const end = async () => {
    child.kill("SIGKILL");
    await gone;
    rmSync(folder, { recursive: true, force: true });
  };
  while (!await accepts(port)) {
    if (ended) throw new Error(`${name} has ended early.`);
    await sleep(20);
  }
  return { pid: child.pid!, port, end };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

/** A port on which nobody listens. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
