/**
 * The client that stays connected: it listens and publishes from browsers, Deno, Bun
 * and Node, over whatever the network lets through.
 *
 * ```ts
 * import { createClient } from "./client.ts";
 *
 * const client = createClient<{ chat: { text: string } }>(
 *   "http://127.0.0.1:8000/push",
 * );
 * const off = client.subscribe("chat", ({ text }) => console.log(text));
 * client.on("reset", () => console.log("Some messages are missing."));
 * off();
 * client.close();
 * ```
 * @module
 */
export {
  type ChannelName,
  type Client,
  type ClientEvents,
  createClient,
  type SubscribeOptions,
} from "./src/client/client.ts";
export { type ClientCode, PushError } from "./src/client/error.ts";
export type { Message } from "./src/client/frame.ts";
export type { State } from "./src/client/loop.ts";
export type { ClientOptions, HeadersOption } from "./src/client/options.ts";
export type { Sharing } from "./src/client/tab.ts";
export type { Backoff } from "./src/client/time.ts";
export type { Transport } from "./src/client/transports.ts";
export type { Code } from "./src/errors.ts";
