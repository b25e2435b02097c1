/**
 * One connection for all tabs of an origin: a leader, chosen with Web Locks, runs the
 * loop; the others say over a BroadcastChannel what they want, and hear what it hears.
 * @module
 */
import type { Frame } from "./frame.ts";
import type { Loop, Receiver, Report } from "./loop.ts";
import type { Locks } from "./page.ts";
import { compare, lower } from "./place.ts";
import type { Link, Sharing, Tab } from "./tab.ts";
import { sleep } from "./time.ts";

/** What tabs say to each other; a follower says `tab`, a leader does not. */
interface Word {
  /** Who speaks. */
  readonly tab?: string;
  /** What it wants; without, it goes. */
  readonly names?: string[];
  /** From where. */
  readonly since?: string | undefined;
  /** A new leader asks who is there. */
  readonly who?: boolean;
  /** What the leader has heard. */
  readonly frames?: Frame[];
  readonly report?: Report;
  /** Whom it serves from now on: what it hears next is complete. */
  readonly to?: string;
  /** Where the leader stands. */
  readonly top?: string | undefined;
  /** The key of its connection, for whoever leads next. */
  readonly key?: string | undefined;
}

/** How long a new leader waits for the tabs to say what they want, in ms. */
const ROLL_CALL = 100;

/**
 * A tab's part in a shared connection. `name` is the same for all who may share; a
 * leader that says nothing for three beats of `beat` ms loses its lock.
 */
export function share(
  tab: Tab,
  makeLoop: (to: Receiver) => Loop,
  role: (role: Sharing) => void,
  locks: Locks,
  name: string,
  beat: number,
): Link {
  const id = crypto.getRandomValues(new Uint32Array(4)).join("-");
  const channel = new BroadcastChannel(name);
  /** What the other tabs want, as the leader knows it. */
  const others = new Map<string, string[]>();
  let loop: Loop | undefined;
  /** Lets go of the leader's lock, or of this tab's own. */
  let resign = () => {};
  let end = () => {};
  let stopped = false;
  let report: Report = { state: "connecting" };
  /** How many beats went by without a word of the leader. */
  let missed = 0;
  let timer: ReturnType<typeof setInterval> | undefined;
  /** Whether the leader knows what we want, so that nothing is left out. */
  let served = false;
  /** Whether there was a leader before us. */
  let followed = false;
  /** Whether a new leader still waits for what others want. */
  let asking = false;

  const say = (word: Word) => channel.postMessage(word);
  /** Says what we want, which also asks whether somebody leads. */
  function want(): void {
    served = false;
    // Who hears of us waits for our lock: we must have it first.
    if (timer) say({ tab: id, names: tab.names(), since: tab.place.at });
  }

  /** Listens to what all tabs want. */
  function listen(again?: boolean): void {
    const all = new Set([tab.names(), ...others.values()].flat());
    if (!asking) loop?.listen([...all], again);
  }

  /** Waits for the leader's lock, or takes it. */
  function queue(steal = false): void {
    missed = 0;
    locks.request(name, { steal }, lead).catch(() => {
      // Somebody has taken it from us: we were frozen.
      step();
      want();
      queue();
    });
  }

  async function lead(): Promise<void> {
    // One that was asked for before we took it, or before we stopped.
    if (loop || stopped) return;
    const own = loop = makeLoop({
      frames(frames) {
        if (loop !== own) return;
        say({ frames });
        tab.frames(frames);
      },
      report(news) {
        if (loop !== own) return;
        report = news;
        say({ report, key: tab.key });
        tab.report(report);
      },
    });
    const resigned = new Promise<void>((resolve) => resign = resolve);
    role("leader");
    tab.report(report = { state: "connecting" });
    say({ who: true });
    // Tabs that had another leader have places of their own.
    asking = followed;
    if (asking) await sleep(ROLL_CALL);
    asking = false;
    if (loop === own) listen();
    await resigned;
  }

  /** Leads no more. */
  function step(): void {
    const own = loop;
    loop = undefined;
    others.clear();
    resign();
    own?.listen([]);
    role("follower");
  }

  function gone(other: string): void {
    if (others.delete(other)) listen();
  }

  /** What another tab says, to a leader. */
  function serve({ tab: other = "", names, since }: Word): void {
    if (!names) return gone(other);
    const { place, key } = tab;
    // This lock comes free when that tab is gone, however it went.
    if (!others.has(other)) locks.request(name + other, {}, () => gone(other));
    others.set(other, names);
    listen(lower(place, since));
    say({ to: other, report, top: place.top, key });
  }

  /** What the leader says, to a follower. */
  function follow({ who, to, top, key, frames, report }: Word): void {
    missed = 0;
    followed = true;
    tab.key = key ?? tab.key;
    if (who) want();
    if (to === id) {
      if (!served && top) {
        const { at } = tab.place;
        if (!at) tab.frames([{ type: "heartbeat", id: top }]);
        else if (isNaN(compare(at, top))) {
          tab.frames([{ type: "reset", id: top }]);
        }
      }
      served = true;
    }
    if (!served) return;
    if (report) tab.report(report);
    if (frames) tab.frames(frames);
  }

  channel.onmessage = ({ data }) => {
    if (!data.tab) {
      if (!loop) follow(data);
    } else if (loop) serve(data);
  };
  role("follower");
  // A lock that is held as long as this tab lives.
  locks.request(name + id, {}, () => {
    if (stopped) return;
    // Beats differ a little, so that not all take over at once.
    timer = setInterval(() => {
      if (loop || ++missed < 2) return;
      if (missed > 2) queue(true);
      else want();
    }, beat * (1 + Math.random() / 2));
    queue();
    want();
    return new Promise((resolve) => end = resolve);
  });

  return {
    update(back) {
      if (loop) return listen(back);
      // Open is what it is when the leader listens for us.
      tab.report({ state: "connecting" });
      want();
    },
    wake(event) {
      if (loop) loop.wake(event);
      else want();
    },
    stop() {
      const last = !!loop && !asking && others.size === 0;
      say({ tab: id });
      stopped = true;
      end();
      clearInterval(timer);
      step();
      channel.close();
      return last;
    },
  };
}
