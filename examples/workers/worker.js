/**
 * A push server on Cloudflare Workers, at `/push`: one Durable Object holds the engine,
 * so that all who listen to it share one order. It keeps its messages as long as it
 * lives. `wrangler secret put JWT_SECRET` gives it what tokens are signed with.
 */
import { createEngine, createRouter, jwt, readyz } from "@halley/halley";
import { Hono } from "hono";

export class Push {
  constructor(_state, { JWT_SECRET: secret }) {
    const engine = createEngine({
      // Half of that is the longest silence: Workers see who is gone at a write.
      heartbeat: 10_000,
      // Tokens say who may listen and publish; without, nobody publishes over HTTP.
      policy: secret ? jwt({ secret }) : {},
    });
    // Cloudflare writes this header itself.
    const proxy = { header: "cf-connecting-ip" };
    this.app = new Hono()
      .get("/readyz", readyz(engine))
      .route("/push", createRouter(engine, { proxy }));
  }

  fetch(request) {
    return this.app.fetch(request);
  }
}

export default {
  /** One object per tenant would be `getByName(tenant)`. */
  fetch: (request, { PUSH }) => PUSH.getByName("push").fetch(request),
};
