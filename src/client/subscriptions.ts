/**
 * Who listens to what, and from where: each listener gets what comes after its own
 * start, once.
 * @module
 */
import type { Frame, Message } from "./frame.ts";
import { advance, compare, isAfter, lower, type Place } from "./place.ts";

/** Takes a message. */
export type Take = (message: Message) => void;

interface Listener {
  readonly name: string;
  readonly take: Take;
  /** Where it asked to start, until that is seen to. */
  since: string | undefined;
  /** It has had everything up to here; not known before the first `open`. */
  after: string | undefined;
}

/** The listeners of one client. */
export interface Subscriptions {
  /** The channels and patterns that are listened to. */
  names(): string[];
  /** Adds a listener; returns what removes it. */
  add(name: string, take: Take, since: string | undefined): () => void;
  /**
   * Sees to those who asked for an older start: the place goes back to the oldest.
   * Says whether it did, so that what is open must be reopened.
   */
  settle(): boolean;
  /** Takes a frame; says whether it is a message that the client had not had yet. */
  take(frame: Frame): boolean;
}

/** Whether the channel or pattern `name` covers `channel` (PROTOCOL N2.2). */
export function covers(name: string, channel: string): boolean {
  // A pattern ends with one star or two; after each there is nothing.
  const [prefix = "", one, two] = name.split("*");
  const rest = channel.slice(prefix.length);
  return name === channel ||
    one === "" && rest !== "" && channel[0] !== "$" &&
      channel.startsWith(prefix) && (two === "" || !rest.includes("/"));
}

/**
 * Keeps the listeners of a client that stands at `place`; `missing` hears of starts in
 * another order, which nobody can serve.
 */
export function createSubscriptions(
  place: Place,
  missing: (name: string) => void,
): Subscriptions {
  const listeners = new Set<Listener>();
  return {
    names: () => [...new Set([...listeners].map(({ name }) => name))],
    add(name, take, since) {
      const after = since ? undefined : place.top;
      const listener = { name, take, since, after };
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    settle() {
      // A listener to the present must not get what another one asks for: where the
      // present is has to be known first.
      const all = [...listeners];
      if (!place.top && all.some(({ since }) => !since)) return false;
      let lowered = false;
      for (const listener of all) {
        const { since, name } = listener;
        if (!since) continue;
        listener.since = undefined;
        listener.after = since;
        if (lower(place, since)) lowered = true;
        else if (isNaN(compare(since, place.at))) {
          listener.after = place.top;
          missing(name);
        }
      }
      return lowered;
    },
    take(frame) {
      const { type, id, channel } = frame as Message & { type: string };
      if (type === "message") {
        let fresh = isAfter(id, place.top);
        advance(place, id);
        for (const listener of [...listeners]) {
          // One that waits for an older start must not be given a newer message first.
          if (
            covers(listener.name, channel) && isAfter(id, listener.after) &&
            !listener.since && listeners.has(listener)
          ) {
            listener.after = id;
            fresh = true;
            listener.take(frame as Message);
          }
        }
        return fresh;
      }
      if (type === "reset" && !channel) {
        // Another order, or one that lost its end: what was had says nothing now.
        place.at = place.top = id;
        for (const listener of listeners) {
          listener.since = undefined;
          listener.after = id;
        }
      } else if (id) {
        advance(place, id);
        for (const listener of listeners) {
          if (!listener.since) listener.after ??= id;
        }
      }
      return false;
    },
  };
}
