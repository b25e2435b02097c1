/**
 * Which backplanes are measured: THE TABLE TO EXTEND.
 * @module
 */
import type { Backplane } from "../../mod.ts";
import type { ServiceName } from "../services.ts";

/** One of them. */
export interface Kind {
  readonly name: string;
  /** The service it takes. */
  readonly needs?: ServiceName;
  readonly denoOnly?: boolean;
  /** Whether other processes hear it. */
  readonly shared: boolean;
  /** Makes it; `at` is the port of its service, or a folder of its own. */
  open(at: string): Promise<Backplane>;
}

const mod = () => import("../../mod.ts");

/** All of them; the first is what the others are divided by. */
export const kinds: readonly Kind[] = [
  { name: "memory", shared: false, open: async () => (await mod()).memory() },
  {
    name: "sqlite",
    shared: false,
    open: async (at) => (await mod()).sqlite({ path: `${at}/halley.db` }),
  },
  {
    name: "denoKv",
    denoOnly: true,
    shared: false,
    async open(at) {
      const { denoKv } = await mod();
      return denoKv({ kv: await Deno.openKv(`${at}/kv.db`) });
    },
  },
  {
    name: "redis (redis)",
    needs: "redis-server",
    shared: true,
    async open(at) {
      const { createClient } = await import("npm:redis@^6.3.1");
      const client = createClient({ url: `redis://127.0.0.1:${at}` });
      return (await mod()).redis({ client });
    },
  },
  {
    name: "redis (ioredis)",
    needs: "redis-server",
    shared: true,
    async open(at) {
      const { Redis } = await import("npm:ioredis@^6.0.0");
      const client = new Redis({ port: Number(at), lazyConnect: true });
      return (await mod()).redis({ client });
    },
  },
  {
    name: "jetStream",
    needs: "nats-server",
    shared: true,
    async open(at) {
      const { connect } = await import("npm:@nats-io/transport-node@^3.4.0");
      const connection = await connect({ servers: `127.0.0.1:${at}` });
      return (await mod()).jetStream({ connection });
    },
  },
];
