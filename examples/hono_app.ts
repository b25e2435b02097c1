/**
 * Push inside an app that exists: `deno serve examples/hono_app.ts`, or
 * `bun examples/hono_app.ts`. The shop's own routes, middleware and sessions stay as
 * they are; its handlers publish, and its pages listen at /push.
 */
import { Hono } from "npm:hono@^4.13.0";
import { getCookie, setCookie } from "npm:hono@^4.13.0/cookie";
import process from "node:process";
import { createEngine, createRouter, PushError } from "../mod.ts";

const sessions = new Map<string, string>();
const engine = createEngine({
  policy: {
    /** The app's own session says who it is. */
    identify(request) {
      const id = /\bsession=([\w-]+)/.exec(request.headers.get("cookie") ?? "");
      const subject = sessions.get(id?.[1] ?? "");
      if (subject === undefined) throw new PushError("unauthorized");
      return { subject };
    },
    /** Everybody hears the news, and of their own orders; only the app publishes. */
    allow: (action, channel, who) =>
      action === "subscribe" &&
      (channel === "news" || channel === `orders/${who?.subject}`),
  },
});

const app = new Hono();
app.use(async (c, next) => {
  await next();
  c.header("x-powered-by", "the shop");
});
// Your own login goes here: this one asks for no password. A name becomes part of a
// channel's, so it is nothing but letters and digits.
app.post("/login/:name{[a-z0-9]+}", (c) => {
  const id = crypto.randomUUID();
  sessions.set(id, c.req.param("name"));
  setCookie(c, "session", id, { httpOnly: true, sameSite: "Strict" });
  return c.text("welcome");
});
app.post("/orders", async (c) => {
  const name = sessions.get(getCookie(c, "session") ?? "");
  if (name === undefined) return c.text("log in first", 401);
  const order = { item: await c.req.text(), state: "placed" };
  await engine.publish(`orders/${name}`, order);
  return c.json(order, 201);
});
app.route("/push", createRouter(engine));

export default { port: Number(process.env.PORT ?? 8000), fetch: app.fetch };
