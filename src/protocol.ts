/**
 * Another wire over the same engine: routes and formats, no second store.
 * @module
 */
import type { Hono } from "./deps.ts";
import type { Engine } from "./engine.ts";
import type { Callers } from "./http.ts";

/** Another wire over the same engine, such as Bayeux. */
export interface Protocol {
  /** Where it is at home, each path with all below it, such as `/cometd`. */
  readonly paths: readonly string[];
  /** Serves `engine` in this protocol, to be mounted wherever one likes. */
  router(engine: Engine, callers?: Callers): Hono;
}
