/**
 * The two clients that `redis()` takes, from npm.
 * @module
 */
import { Redis } from "npm:ioredis@^6.0.0";
import { createClient } from "npm:redis@^6.3.1";
import type { RedisOptions } from "../../src/backplane/redis.ts";

/** How a client is made, by its package. */
export const clients: Record<string, (port: number) => RedisOptions["client"]> =
  {
    redis: (port) => createClient({ url: `redis://127.0.0.1:${port}` }),
    ioredis: (port) =>
      new Redis({ host: "127.0.0.1", port, lazyConnect: true }),
  };
