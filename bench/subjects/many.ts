/**
 * Halley as several processes that share a port, over Redis: what a machine
 * carries beyond the descriptors or the core of one process.
 * @module
 */
import { Child } from "../child.ts";
import { descriptorLimit } from "../proc.ts";
import { startService } from "../services.ts";
import type { Server } from "./table.ts";

/** The kernel deals connections out by chance: not every process gets as many. */
const EVENNESS = 0.96;

/** How many processes hold so many connections; never fewer than two. */
export function processesFor(
  connections: number,
  limit: number = descriptorLimit(),
): number {
  return Math.max(2, Math.ceil(connections / (limit * EVENNESS)));
}

/** Starts them, and a Redis of their own. */
export async function many(
  command: readonly string[],
  args: readonly string[],
  connections: number,
): Promise<Server> {
  const redis = await startService("redis-server");
  const children: Child[] = [];
  const end = async () => {
    await Promise.all(children.map((child) => child.end()));
    await redis.end();
  };
  try {
    let port = 0;
    for (let i = processesFor(connections); i > 0; i--) {
      const more = [String(port), `redis://127.0.0.1:${redis.port}`];
      const child = new Child([...command, ...args, ...more]);
      children.push(child);
      port = await child.tell<number>("port");
    }
    return {
      pids: children.map(({ pid }) => pid),
      address: "127.0.0.1",
      port,
      orders: { tell: (name) => tellAll(children, name) },
      end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** What they answer, added up. */
async function tellAll<T>(children: Child[], name: string): Promise<T> {
  const answers = await Promise.all(
    children.map((child) => child.tell<number | null>(name)),
  );
  return answers.reduce((sum: number, one) => sum + (one ?? 0), 0) as T;
}
