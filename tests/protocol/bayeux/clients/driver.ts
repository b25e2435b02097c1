/**
 * A program that is a client of CometD or Faye, as it comes from npm: told on its
 * input what to do, one JSON array a line, and saying what it sees.
 * @module
 */
import { process } from "../../../../src/deps.ts";
import { createInterface } from "node:readline";

// Whatever the libraries have: their types differ from version to version.
// deno-lint-ignore no-explicit-any
type Any = any;

const COMETD: Record<string, () => Promise<Any>> = {
  cometd3: () => import("npm:cometd@^3.1.14"),
  cometd4: () => import("npm:cometd@^4.0.9"),
  cometd5: () => import("npm:cometd@^5.0.23"),
  cometd7: () => import("npm:cometd@^7.0.19"),
  cometd8: () => import("npm:cometd@^8.0.11"),
  cometd9: () => import("npm:cometd@^9.0.0"),
};

/** What a test can have a client do. */
type Commands = Record<string, (...args: Any[]) => Promise<unknown>>;

function say(what: unknown): void {
  process.stdout.write(`@${JSON.stringify(what)}\n`);
}

function hear(subscription: string, { channel, data }: Any): void {
  // CometD shows its own messages to whoever listens to all.
  if (data === undefined) return;
  const shown = data?.data instanceof ArrayBuffer
    ? { ...data, data: [...new Uint8Array(data.data)] }
    : data;
  say({ event: { subscription, ...(channel && { channel }), data: shown } });
}

/** CometD: subscribes anew whenever it has shaken hands, as its guide advises. */
async function cometd(
  name: string,
  url: string,
  options: Any,
): Promise<Commands> {
  const { adapt } = await import("npm:cometd-nodejs-client@^2.0.0") as Any;
  adapt();
  const module = await COMETD[name]!();
  const library = { ...module.default, ...module };
  const client = new library.CometD();
  const { extensions = [], websocket, ...rest } = options;
  client.configure({ url, logLevel: "warn", ...rest });
  if (!websocket) client.unregisterTransport("websocket");
  const added: Any = {};
  for (const name of extensions) {
    added[name] = new library[`${name}Extension`]();
    client.registerExtension(name, added[name]);
  }
  const names = new Set<string>();
  const subscribe = (name: string) =>
    new Promise<Any>((resolve) =>
      client.subscribe(name, (message: Any) => hear(name, message), resolve)
    );
  client.addListener("/meta/handshake", ({ successful, clientId }: Any) => {
    say({ handshake: successful, clientId });
    if (successful) { for (const name of names) subscribe(name); }
  });
  let connected: Any;
  client.addListener("/meta/connect", (reply: Any) => {
    connected = reply;
    say({ connect: reply.successful });
  });
  const answer = (send: (done: (reply: Any) => void) => void) =>
    new Promise<Any>(send).then(({ successful, error }) => ({
      successful,
      ...(error && { error }),
    }));
  return {
    handshake: () => answer((done) => client.handshake(done)),
    transport: () => {
      const transport = client.getTransport();
      return Promise.resolve(transport.type ?? transport.getType());
    },
    subscribe: async (name) => {
      names.add(name);
      return await answer((done) => subscribe(name).then(done));
    },
    publish: (channel, data) =>
      answer((done) => client.publish(channel, data, done)),
    batch: (messages: [string, unknown][]) => {
      const replies: Promise<unknown>[] = [];
      client.batch(() => {
        for (const [channel, data] of messages) {
          replies.push(answer((done) => client.publish(channel, data, done)));
        }
      });
      return Promise.all(replies);
    },
    publishBinary: (channel, bytes, meta) =>
      answer((done) =>
        client.publishBinary(channel, Uint8Array.from(bytes), true, meta, done)
      ),
    // What the extensions were told with the last connect, and made of it.
    clock: () => {
      const { timestamp, ext: { timesync } } = connected;
      const { TimeSync } = added;
      const offset = TimeSync.getTimeOffset();
      const lag = TimeSync.getNetworkLag();
      return Promise.resolve({ timestamp, timesync, offset, lag });
    },
    call: (target, data) =>
      new Promise<Any>((resolve) =>
        client.remoteCall(target, data, 10_000, resolve)
      ).then(({ successful, data, error }) => ({ successful, data, error })),
    disconnect: () => answer((done) => client.disconnect(done)),
  };
}

/** Faye: shakes hands when it needs to, and repeats what it sees no answer to. */
async function faye(url: string, options: Any): Promise<Commands> {
  const { Client } = (await import("npm:faye@^1.4.3") as Any).default;
  const client = new Client(url, { retry: 1, ...options });
  client.disable("websocket");
  client.on("transport:down", () => say({ connect: false }));
  client.on("transport:up", () => say({ connect: true }));
  const answer = (promise: Any) =>
    Promise.resolve(promise).then(
      () => ({ successful: true }),
      (error) => ({
        successful: false,
        error: `${error.code}:${error.message}`,
      }),
    );
  return {
    handshake: () =>
      new Promise((resolve) =>
        client.connect(() => resolve({ successful: true }))
      ),
    transport: () => Promise.resolve(client._dispatcher.connectionType),
    subscribe: (name) =>
      answer(
        client.subscribe(name).withChannel((channel: string, data: unknown) =>
          hear(name, { channel, data })
        ),
      ),
    publish: (channel, data) => answer(client.publish(channel, data)),
    batch: (messages: [string, unknown][]) =>
      Promise.all(
        messages.map(([channel, data]) =>
          answer(client.publish(channel, data))
        ),
      ),
    disconnect: () => answer(client.disconnect()),
  };
}

const [name = "", url = "", options = "{}"] = process.argv.slice(2);
const commands = name === "faye"
  ? await faye(url, JSON.parse(options))
  : await cometd(name, url, JSON.parse(options));
say({ ready: true });
for await (const line of createInterface(process.stdin)) {
  const [id, command, ...args] = JSON.parse(line);
  commands[command]!(...args).then((value) => say({ reply: id, value }));
}
process.exit(0);
