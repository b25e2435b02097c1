/**
 * What keeps a client connected: a loop of its own, or one that tabs share.
 * @module
 */
import type { Http } from "./http.ts";
import { createLoop, type Receiver } from "./loop.ts";
import type { ClientOptions } from "./options.ts";
import { page } from "./page.ts";
import { share } from "./share.ts";
import type { Link, Sharing, Tab } from "./tab.ts";

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
  const locks = page?.locks;
  if (options.share && locks) {
    const { openTimeout = 5_000 } = options;
    return share(tab, makeLoop, role, locks, name, openTimeout / 2);
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
