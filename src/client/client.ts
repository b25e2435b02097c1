/**
 * The client: who listens to what, on one link.
 * @module
 */
import { PushError } from "./error.ts";
import type { Message } from "./frame.ts";
import { createHttp } from "./http.ts";
import { createLink } from "./link.ts";
import type { Report, State } from "./loop.ts";
import { iterate } from "./messages.ts";
import type { ClientOptions } from "./options.ts";
import type { Place } from "./place.ts";
import { publish } from "./publish.ts";
import { createSubscriptions } from "./subscriptions.ts";
import type { Link, Sharing, Tab } from "./tab.ts";
import type { Transport } from "./transports.ts";

/** What a client tells. */
export interface ClientEvents {
  /** It is connected; `id` is public, and names this client to others. */
  open: { readonly transport: Transport; readonly id: string };
  /**
   * Messages are missing: those of `channel` (as it was subscribed to), or of all. Read
   * from where they are kept what they would have said; what follows is complete.
   */
  reset: { readonly channel?: string | undefined };
  /** It has lost its connection, or got none, and tries again after `delay` ms. */
  reconnect: {
    /** Which attempt comes next since it was last open, from 1. */
    readonly attempt: number;
    readonly delay: number;
    readonly code: PushError["code"];
    readonly reason: string;
  };
  /**
   * It comes back no more: the server refuses it for good, or `close()` was called. After
   * a refusal, a change of what is listened to tries again.
   */
  close: { readonly code: PushError["code"]; readonly reason: string };
  /** A message that is new to it, whether or not anyone listens to its channel. */
  message: Message;
  /** What a listener has thrown; without a listener here it goes to the console. */
  error: unknown;
}

/** The names of channels and patterns that a client knows. */
export type ChannelName<Channels> = Extract<keyof Channels, string>;

/** Where a listener starts. */
export interface SubscribeOptions {
  /**
   * The id of the last message it has had, or `earliest` for all that is held (default:
   * where the client stands).
   */
  readonly since?: string;
}

/** A client that stays connected; see {@linkcode createClient}. */
export interface Client<Channels extends object = Record<string, unknown>> {
  /** What it is doing. */
  readonly state: State;
  /** How it listens, or tries to. */
  readonly transport: Transport | undefined;
  /** The public id of its connection: others can send to it. */
  readonly id: string | undefined;
  /** The place of the last message: the `since` of another client that goes on here. */
  readonly cursor: string | undefined;
  /** Its part in a shared connection. */
  readonly sharing: Sharing;
  /**
   * Calls `listener` with every message of a channel, or of a pattern (`a/*`, `**`), each
   * once, in their order; returns what ends that. What it throws goes to `error`.
   * Throws a `PushError` with the code `closed` after `close()`.
   */
  subscribe<Name extends ChannelName<Channels>>(
    channel: Name,
    listener: (
      data: Channels[Name],
      message: Message<Channels[Name]>,
    ) => unknown,
    options?: SubscribeOptions,
  ): () => void;
  /**
   * The messages of a channel or a pattern. It is bounded: a reader that is more than
   * 1,024 messages behind gets those, and then a `PushError` with the code `overflow`;
   * go on with `since`. It ends when the client is closed.
   */
  messages<Name extends ChannelName<Channels>>(
    channel: Name,
    options?: SubscribeOptions,
  ): AsyncIterableIterator<Message<Channels[Name]>>;
  /**
   * Publishes `data` (as JSON), and resolves to its id. It is repeated for up to 240,000
   * ms, with one idempotency key, so that it is published once. Rejects with a
   * `PushError`: a final refusal, the last failure, or `closed`.
   */
  publish<Name extends ChannelName<Channels>>(
    channel: Name,
    data: Channels[Name],
  ): Promise<string>;
  /**
   * Calls `listener` with every event of that name, once however often it was given;
   * returns what ends that.
   */
  on<Name extends keyof ClientEvents>(
    event: Name,
    listener: (event: ClientEvents[Name]) => unknown,
  ): () => void;
  /**
   * Ends it for good: tells the server, ends its iterators, and rejects what is still
   * being published. `reason` is what `on("close")` hears.
   */
  close(reason?: string): void;
}

/**
 * Makes a client that stays connected to the server at `url` as long as something is
 * listened to. `Channels` says what is published where, so that names and data are
 * checked: `createClient<{ chat: Chat }>("/push")`.
 */
export function createClient<
  Channels extends object = Record<string, unknown>,
>(url: string, options: ClientOptions = {}): Client<Channels> {
  const { backoff = {}, openTimeout = 5_000, since } = options;
  const http = createHttp(url, options);
  const place: Place = { at: since, top: since };
  const subscriptions = createSubscriptions(
    place,
    (channel) => emit("reset", { channel }),
  );
  const listeners: Record<string, Set<(event: never) => unknown>> = {};
  /** Ends the iterators. */
  const ends = new Set<() => void>();
  const closed = new AbortController();
  let now: Report = { state: "idle" };
  let sharing: Sharing = "off";
  let link: Link | undefined;
  let planned = false;

  const tab: Tab = {
    place,
    key: undefined,
    names: subscriptions.names,
    frames(frames) {
      for (const frame of frames) {
        if (closed.signal.aborted) return;
        if (frame.type === "reset") emit("reset", frame);
        if (subscriptions.take(frame)) emit("message", frame as Message);
      }
      if (subscriptions.settle()) link?.update(true);
    },
    report(report) {
      // A leader repeats what it has said.
      if (JSON.stringify(report) === JSON.stringify(now)) return;
      now = report;
      const event = EVENTS[report.state];
      if (event) emit(event, report as Required<Report>);
    },
  };

  function emit<Name extends keyof ClientEvents>(
    name: Name,
    event: ClientEvents[Name],
  ): void {
    for (const listener of [...listeners[name] ?? []]) {
      const fail = name === "error" ? console.error : failed;
      guard(fail, () => listener(event as never));
    }
  }

  function failed(error: unknown): void {
    if (listeners.error?.size) emit("error", error);
    else console.error(error);
  }

  /** Changes of one tick become one request. */
  function plan(): void {
    if (planned) return;
    planned = true;
    queueMicrotask(() => {
      planned = false;
      if (closed.signal.aborted || (!link && !tab.names().length)) return;
      link ??= createLink(url, options, http, tab, (role) => sharing = role);
      link.update(subscriptions.settle());
    });
  }

  /** Gives up the connection. */
  function part(): void {
    const { key } = tab;
    if (link?.stop() && key) http.leave(key);
    link = tab.key = undefined;
    sharing = "off";
  }

  /** What a browser's window says; elsewhere it is never said. */
  function hear({ type }: Event): void {
    if (type === "pagehide") part();
    // It may come back from the back/forward cache, which keeps no connections.
    else if (type === "pageshow") plan();
    else link?.wake(type);
  }

  for (const type of PAGE_EVENTS.split(" ")) {
    globalThis.addEventListener?.(type, hear, { signal: closed.signal });
  }

  const client: Client = {
    get state() {
      return now.state;
    },
    get transport() {
      return now.transport;
    },
    get id() {
      return now.id;
    },
    get cursor() {
      return place.at;
    },
    get sharing() {
      return sharing;
    },
    subscribe(channel, listener, { since } = {}) {
      closed.signal.throwIfAborted();
      const off = subscriptions.add(
        channel,
        (message) => guard(failed, () => listener(message.data, message)),
        since,
      );
      plan();
      return () => {
        off();
        plan();
      };
    },
    messages: (channel, options) =>
      iterate((take, end) => {
        const off = client.subscribe(
          channel,
          (_, message) => take(message),
          options,
        );
        ends.add(end);
        return () => {
          ends.delete(end);
          off();
        };
      }),
    publish: (channel, data) =>
      publish(
        {
          http,
          backoff,
          timeout: 6 * openTimeout,
          key: tab.key,
          closed: closed.signal,
        },
        channel,
        data,
      ),
    on(name, listener) {
      const all = listeners[name] ??= new Set();
      all.add(listener);
      return () => all.delete(listener);
    },
    close(reason = "") {
      if (closed.signal.aborted) return;
      part();
      closed.abort(new PushError("closed", reason, false));
      for (const end of ends) end();
      tab.report({ state: "closed", code: "closed", reason });
    },
  };
  return client as Client<Channels>;
}

/** What a state is called that is an event. */
const EVENTS: Partial<Record<State, "open" | "reconnect" | "close">> = {
  open: "open",
  waiting: "reconnect",
  closed: "close",
};

const PAGE_EVENTS = "online offline visibilitychange pagehide pageshow";

/** Calls a listener; what it throws or rejects with goes to `fail`. */
function guard(fail: (error: unknown) => void, call: () => unknown): void {
  (async () => await call())().catch(fail);
}
