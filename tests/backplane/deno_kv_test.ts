/** The Deno KV backplane: the contract, on real databases where there are any. */
import { denoKv } from "../../src/backplane/deno_kv.ts";
import type { Place } from "../backplane_claims.ts";
import { backplaneContract } from "../backplane_contract.ts";
import { runtime } from "../harness.ts";
import { Folder } from "./files.ts";
import { MemoryKv } from "./memory_kv.ts";

const claims = { keeps: true, lasts: true, shared: true };

backplaneContract("denoKv(), simulated", () => {
  const kv = new MemoryKv();
  return { open: (history = {}) => denoKv({ kv, history }) };
}, claims);

/** A real database at `path`. */
async function realPlace(path: string, folder?: Folder): Promise<Place> {
  const kv = await Deno.openKv(path);
  return {
    open: (history = {}) => denoKv({ kv, history }),
    remove() {
      kv.close();
      folder?.[Symbol.dispose]();
    },
  };
}

if (runtime === "deno") {
  backplaneContract("denoKv(), in memory", () => realPlace(":memory:"), claims);
  backplaneContract("denoKv(), in a file", () => {
    const folder = new Folder();
    return realPlace(folder.file("kv"), folder);
  }, claims);
}
