/**
 * A push server on Cloudflare Workers: one Durable Object holds the engine, so that
 * all who listen to it share one order. It keeps its messages as long as it lives.
 */
import { createEngine, createRouter, readyz } from "@halley/halley";

export class Push {
  constructor() {
    const engine = createEngine({
      // Half of that is the longest silence: Workers see who is gone at a write.
      heartbeat: 10_000,
      policy: { allow: (action) => action !== "sendAll" },
    });
    this.push = createRouter(engine);
    this.ready = readyz(engine);
  }

  fetch(request) {
    const { pathname } = new URL(request.url);
    return pathname === "/readyz" ? this.ready() : this.push.fetch(request);
  }
}

export default {
  /** One object per tenant would be `getByName(tenant)`. */
  fetch: (request, { PUSH }) => PUSH.getByName("push").fetch(request),
};
