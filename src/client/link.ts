/**
 * What keeps a client connected: a loop of its own, or one that tabs share.
 * @module
 */
import type { Http } from "./http.ts";
import { createLoop, type Loop, type Receiver, type Seat } from "./loop.ts";
import type { ClientOptions } from "./options.ts";
import { page } from "./page.ts";
import { share } from "./share.ts";

/**
 * A client's part in sharing: `off` (not asked for, or not connected), `leader`,
 * `follower`, or `unavailable` where the page has no Web Locks (plain http): then it is
 * on its own, and uses short polls if there are too few sockets.
 */
export type Sharing = "off" | "leader" | "follower" | "unavailable";

/** What keeps a client connected. */
export interface Link {
  /** What is listened to has changed, or its place has gone `back`. */
  update(back: boolean): void;
  /** The page is `online`, `offline`, or looked at. */
  wake(event: string): void;
  /** Ends it; says whether nobody goes on with the connection. */
  stop(): boolean;
}

/** A client, as its link sees it. */
export interface Tab extends Receiver, Seat {
  /** What it listens to. */
  names(): string[];
}

/** What a link has to work with. */
export interface LinkOptions {
  readonly tab: Tab;
  /** Makes a loop; `held` as there. */
  makeLoop(to: Receiver, held?: () => void): Loop;
  /** Called when the part in sharing changes. */
  role(role: Sharing): void;
}

/** Makes the link that `options` ask for. */
export function createLink(
  url: string,
  options: ClientOptions,
  http: Http,
  tab: Tab,
  role: (role: Sharing) => void,
): Link {
  const makeLoop = (to: Receiver, held?: () => void) =>
    createLoop(options, http, tab, to, held);
  const name = `halley ${
    JSON.stringify([url, options.credentials, options.headers, options.share])
  }`;
  const locks = page()?.locks;
  if (options.share && locks) {
    const { openTimeout = 5_000 } = options;
    return share({ tab, makeLoop, role }, locks, name, openTimeout / 2);
  }
  let channel: BroadcastChannel | undefined;
  if (options.share) {
    // Six streams to a host are all that a browser has over HTTP/1.1. If one more is
    // asked for, every tab leaves its socket free between short polls.
    role("unavailable");
    channel = new BroadcastChannel(name);
    channel.onmessage = () => loop.restart(true);
  }
  const loop = makeLoop(
    tab,
    channel && (() => {
      channel.postMessage(0);
      loop.restart(true);
    }),
  );
  return {
    update: (back) => loop.listen(tab.names(), back),
    wake: loop.wake,
    stop() {
      loop.listen([]);
      channel?.close();
      return true;
    },
  };
}
