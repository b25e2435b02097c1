/**
 * A program that listens to `a/*` and says what it hears, a line of JSON each. Its
 * arguments are a URL and the options of a client.
 * @module
 */
import process from "node:process";
import { createClient } from "../../client.ts";

const [url = "", options = "{}"] = process.argv.slice(2);
const say = (...words: unknown[]) => console.log(JSON.stringify(words));

const backoff = { min: 20, max: 200 };
const client = createClient(url, { backoff, ...JSON.parse(options) });
client.on("open", ({ transport }) => say("open", transport));
client.on("reconnect", ({ code }) => say("reconnect", code));
client.on("reset", () => say("reset"));
client.on("close", ({ code }) => say("close", code));
client.subscribe("a/*", (data, { id }) => say("message", id, data));
// As soon as nothing is left to do, it ends by itself.
process.once("SIGTERM", () => client.close());
