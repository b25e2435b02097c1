/**
 * What Linux says of processes and of the machine, read from /proc.
 * @module
 */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { cpus } from "node:os";

/** Clock ticks per second in /proc (the same on every Linux there is). */
const TICKS = 100;

/** Resident memory of a process, in bytes. */
export function residentMemory(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024;
}

/** CPU time of all threads of a process so far, in µs, to 10 ms. */
export function cpuTime(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  // The second field is the name, in parentheses: it may have spaces.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * (1e6 / TICKS);
}

/** How many it may have open: the limit that ends in `EMFILE`. */
export function descriptorLimit(pid: number | "self" = "self"): number {
  const limits = readFileSync(`/proc/${pid}/limits`, "utf8");
  const limit = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1];
  return limit === undefined || limit === "unlimited"
    ? Infinity
    : Number(limit);
}

/** CPU time of the whole machine since its start, in µs: used, and in all. */
export function machineTime(): { busy: number; total: number } {
  const line = readFileSync("/proc/stat", "utf8").split("\n", 1)[0]!;
  const times = line.split(/\s+/).slice(1, 9).map(Number);
  const total = times.reduce((sum, time) => sum + time, 0);
  const idle = times[3]! + times[4]!;
  return {
    busy: (total - idle) * (1e6 / TICKS),
    total: total * (1e6 / TICKS),
  };
}

/**
 * The processes that listen on a TCP port here, as far as they are ours: a master and
 * its workers share a socket, others share the port with one each.
 */
export function listenersOn(port: number): number[] {
  const sockets = inodesOf(port).map((inode) => `socket:[${inode}]`);
  const found: number[] = [];
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      const listens = readdirSync(`/proc/${pid}/fd`).some((fd) =>
        sockets.includes(readlinkSync(`/proc/${pid}/fd/${fd}`))
      );
      if (listens) found.push(Number(pid));
    } catch { /* It is somebody else's, or has ended. */ }
  }
  return found;
}

function inodesOf(port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const found: string[] = [];
  for (const table of ["tcp", "tcp6"]) {
    for (const line of readFileSync(`/proc/net/${table}`, "utf8").split("\n")) {
      const fields = line.trim().split(/\s+/);
      // State 0A is LISTEN; the tenth field is the socket's inode.
      if (fields[1]?.endsWith(`:${hex}`) && fields[3] === "0A") {
        found.push(fields[9]!);
      }
    }
  }
  return found;
}

/** The machine in a few words. */
export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  /** In bytes. */
  readonly memory: number;
  readonly kernel: string;
  /** Descriptors per process. */
  readonly descriptors: number;
}

/** What this is measured on. */
export function machine(): Machine {
  const memory = readFileSync("/proc/meminfo", "utf8");
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memory: Number(/^MemTotal:\s+(\d+) kB$/m.exec(memory)?.[1] ?? 0) * 1_024,
    kernel: readFileSync("/proc/sys/kernel/osrelease", "utf8").trim(),
    descriptors: descriptorLimit(),
  };
}
