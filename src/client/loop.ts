/**
 * The connect loop: it keeps one response open, whatever the transport, and comes
 * back when that ends.
 * @module
 */
import { PushError, pushError } from "./error.ts";
import type { Frame } from "./frame.ts";
import type { Http } from "./http.ts";
import type { Place } from "./place.ts";
import type { ClientOptions } from "./options.ts";
import { abortable, delay, sleep } from "./time.ts";
import { type Transport, transports } from "./transports.ts";

/** What a client is doing. */
export type State = "idle" | "connecting" | "open" | "waiting" | "closed";

/** A change of state. */
export interface Report {
  readonly state: State;
  readonly transport?: Transport;
  /** The public id of the connection. */
  readonly id?: string;
  /** Which wait this is since it was last open, from 1 (`waiting`). */
  readonly attempt?: number;
  /** How long it waits, in ms (`waiting`). */
  readonly delay?: number;
  /** Why (`waiting`, `closed`). */
  readonly code?: PushError["code"];
  /** The same for people. */
  readonly reason?: string;
}

/** Who takes what a loop brings. */
export interface Receiver {
  frames(frames: Frame[]): void;
  report(report: Report): void;
}

/** What is left to whoever goes on after a loop: where it stands, and as whom. */
export interface Seat {
  readonly place: Place;
  /** The secret of the connection, to be reclaimed. */
  key: string | undefined;
}

/** Keeps one response open. */
export interface Loop {
  /** Listens to `names`; closes and reopens if they changed, or `again` says so. */
  listen(names: readonly string[], again?: boolean): void;
  /** The page is `online`, `offline`, or looked at. */
  wake(event: string): void;
  /** Starts anew: with the best transport, or with polls that leave sockets free. */
  restart(crowded?: boolean): void;
}

/** How many `openTimeout`s it stays on a worse transport before it tries a better. */
const PATIENCE = 12;

/** Makes a loop that listens to nothing yet. */
export function createLoop(
  { transport: wish = "auto", openTimeout = 5_000, backoff = {} }:
    ClientOptions,
  http: Http,
  seat: Seat,
  to: Receiver,
  /** Called when frames were held back, perhaps for want of sockets. */
  held?: () => void,
): Loop {
  const ladder: Transport[] = wish === "auto"
    ? ["stream", "sse", "poll"]
    : [wish];
  let names: readonly string[] = [];
  /** Ends the present attempt, or wait. Whoever finds another one here is history. */
  let control = new AbortController();
  /** When silence will be the end, in ms since 1970; 0 in a wait. */
  let deadline = 0;
  let failures = 0;
  /** Whether frames seem to be held back on their way. */
  let isHeld = false;
  let crowded = false;
  /** The transport in use, and the last one that worked. */
  let level = 0;
  let good = 0;
  /** When a better one is tried, and after how many ms. */
  let upgrade = 0;
  let patience = 0;

  function listen(wanted: readonly string[], again = false): void {
    if (!again && wanted.join("\n") === names.join("\n")) return;
    control.abort();
    control = new AbortController();
    names = wanted;
    if (names.length > 0) go();
    else to.report({ state: "idle" });
  }

  function again(): void {
    if (names.length > 0) listen(names, true);
  }

  function restart(few = false): void {
    crowded = few;
    failures = patience = 0;
    level = good = few ? ladder.length - 1 : 0;
    again();
  }

  async function go(): Promise<void> {
    for (;;) {
      const own = control = new AbortController();
      const error = await attempt(own);
      if (own !== control) return;
      const { code, message: reason, retryAfter } = error;
      // A connection that is somebody else's may be what is forbidden.
      const stale = code === "forbidden" && seat.key;
      if (code === "replaced" || stale) seat.key = undefined;
      if (!error.retryable && !stale) {
        names = [];
        return to.report({ state: "closed", code, reason });
      }
      if (isHeld) held?.();
      if (own !== control) return;
      const wait = isHeld && descend()
        ? 0
        : delay(backoff, failures++, retryAfter);
      const nap = control = new AbortController();
      deadline = 0;
      to.report({
        state: "waiting",
        attempt: failures,
        delay: wait,
        code,
        reason,
      });
      await sleep(wait, nap.signal);
      if (nap !== control) return;
    }
  }

  /** Chooses another transport; says whether it can be tried at once. */
  function descend(): boolean {
    if (level < good) {
      // A better one was tried again, too early: back to what works.
      level = good;
      patience = Math.min(5, patience + 1);
      return true;
    }
    level = (level + 1) % ladder.length;
    return level > 0;
  }

  /** One response (or one series of polls), to its end. */
  async function attempt(own: AbortController): Promise<PushError> {
    const { signal } = own;
    const transport = ladder[level]!;
    isHeld = false;
    let silence = openTimeout;
    let isOpen = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const expect = () => {
      clearTimeout(timer);
      deadline = Date.now() + silence;
      timer = setTimeout(() => {
        isHeld = !isOpen;
        own.abort(new PushError("timeout"));
      }, silence);
    };
    const get = async (wait?: number) => {
      const query = new URLSearchParams(names.map((name) => ["channel", name]));
      const { key, place: { at } } = seat;
      query.set("transport", transport);
      if (at) query.set("since", at);
      if (wait) query.set("wait", `${wait}`);
      const response = await http.ask(query, key, { signal });
      isHeld = !isOpen;
      return response;
    };
    const take = (frames: Frame[]) => {
      // What still comes when another attempt has begun has no effect.
      signal.throwIfAborted();
      const first = frames[0];
      const last = frames.at(-1);
      if (first?.type === "open" && !isOpen) {
        isOpen = true;
        isHeld = false;
        silence = 2 * first.heartbeat;
        seat.key = first.key;
        opened();
        to.report({ state: "open", transport, id: first.connection });
      }
      to.frames(frames);
      if (last?.type === "close") {
        const { code, retry, after } = last;
        isHeld = false;
        throw new PushError(code, code, retry, after);
      }
      if (!isOpen) return;
      expect();
      if (level > 0 && !crowded && Date.now() > upgrade) {
        level--;
        again();
      }
    };
    to.report({ state: "connecting", transport });
    expect();
    const call = { get, take, signal, crowded };
    const error = await abortable(signal, transports[transport](call))
      .then(() => new PushError("cut"), pushError);
    clearTimeout(timer);
    own.abort();
    return error;
  }

  /** The present transport works. */
  function opened(): void {
    failures = 0;
    if (level < good) patience = 0;
    good = level;
    if (Date.now() > upgrade) {
      upgrade = Date.now() + PATIENCE * openTimeout * 2 ** patience;
    }
  }

  return {
    listen,
    restart,
    wake(event) {
      if (event === "online") restart();
      else if (event === "offline" || Date.now() > deadline) {
        control.abort(new PushError(event === "offline" ? event : "timeout"));
      }
    },
  };
}
