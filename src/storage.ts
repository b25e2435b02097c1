/**
 * Where the stand-alone server's messages lie: in memory, in a file, or in a service
 * that several servers share.
 * @module
 */
import type { Backplane } from "./backplane.ts";
import { jetStream } from "./backplane/jetstream.ts";
import { redis } from "./backplane/redis.ts";
import { sqlite } from "./backplane/sqlite.ts";
import type { Config } from "./config.ts";

/** After how long a server that waits for a service says so, in ms. */
const WAITING = 2_000;

/** Opens what the environment names; nothing where it names nothing. */
export async function openBackplane(
  { storage, engine }: Pick<Config, "storage" | "engine">,
): Promise<Backplane | undefined> {
  const history = engine.history ?? {};
  switch (storage?.kind) {
    case "HALLEY_DATA":
      return sqlite({ path: storage.at, history });
    case "HALLEY_REDIS": {
      const { createClient } = await fromNpm("redis", "^6.3.1");
      return redis({ client: createClient({ url: storage.at }), history });
    }
    case "HALLEY_NATS": {
      const { connect } = await fromNpm("@nats-io/transport-node", "^3.4.0");
      const waiting = setTimeout(() => {
        console.error(
          "halley: NATS does not answer yet: nothing is served until then",
        );
      }, WAITING);
      const connection = await connect({
        servers: storage.at,
        maxReconnectAttempts: -1,
        waitOnFirstConnect: true,
      }).finally(() => clearTimeout(waiting));
      return jetStream({
        connection,
        keep: { frames: history.frames ?? 1_024 },
      });
    }
  }
}

/**
 * The package of a client, for those who want one: it costs nobody else anything, and
 * is no part of what is published. Bun finds it where it was installed.
 */
// deno-lint-ignore no-explicit-any
async function fromNpm(name: string, version: string): Promise<any> {
  return await import("Deno" in globalThis ? `npm:${name}@${version}` : name);
}
