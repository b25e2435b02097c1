/**
 * A client and what keeps it connected, as they see each other.
 * @module
 */
import type { Receiver, Seat } from "./loop.ts";

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
