/**
 * Tabs in one process: Web Locks where the runtime has none, and channels that can be
 * frozen with their tab.
 * @module
 */
import type { Client, ClientOptions } from "../../client.ts";
import type { Locks } from "../../src/client/page.ts";
import type { World } from "./world.ts";

/** Web Locks of one process, as far as a client uses them: exclusive, in turn. */
function createLocks(): Locks {
  interface Request {
    grant(): void;
  }
  const queues = new Map<string, Request[]>();
  const holders = new Map<string, { steal(): void }>();
  const next = (name: string) => {
    if (!holders.has(name)) queues.get(name)?.shift()?.grant();
  };
  return {
    request: (name, { steal }, held) =>
      new Promise<void>((resolve, reject) => {
        const grant = () => {
          const holder = {
            steal: () => reject(new DOMException("stolen", "AbortError")),
          };
          holders.set(name, holder);
          const end = () => {
            if (holders.get(name) !== holder) return;
            holders.delete(name);
            next(name);
          };
          Promise.resolve().then(held).then(resolve, reject).finally(end);
        };
        if (steal) {
          holders.get(name)?.steal();
          return grant();
        }
        queues.set(name, [...queues.get(name) ?? [], { grant }]);
        next(name);
      }),
  };
}

const navigator = globalThis.navigator as { locks?: Locks };

if (!navigator.locks) {
  Object.defineProperty(navigator, "locks", {
    value: createLocks(),
    configurable: true,
  });
}

/** Takes Web Locks away, as plain http does; returns what gives them back. */
export function withoutLocks(): () => void {
  const { locks } = navigator;
  Object.defineProperty(navigator, "locks", {
    value: undefined,
    configurable: true,
  });
  return () =>
    Object.defineProperty(navigator, "locks", {
      value: locks,
      configurable: true,
    });
}

/** A tab: its client, and what came to it. */
export class Tab {
  readonly client: Client;
  /** The data of every message of its first subscription. */
  readonly got: unknown[] = [];
  #frozen = false;
  #late: (() => void)[] = [];

  /** Opens a tab with a shared client that listens to `channel`. */
  constructor(world: World, channel: string, options: ClientOptions = {}) {
    this.client = world.client({ share: true, openTimeout: 200, ...options });
    this.client.subscribe(channel, (data) => this.got.push(data));
    opening.push(this);
  }

  /** Now, or when it thaws. */
  act(act: () => void): void {
    if (this.#frozen) this.#late.push(act);
    else act();
  }

  /** From now on it neither hears nor says anything. */
  freeze(): void {
    this.#frozen = true;
  }

  /** Everything at once. */
  thaw(): void {
    this.#frozen = false;
    for (const act of this.#late.splice(0)) act();
  }
}

/** Tabs whose channel has not been made: that happens in a microtask, in their order. */
const opening: Tab[] = [];

/** The channel of a tab, which freezes with it. */
class TabChannel extends BroadcastChannel {
  /** A server's own channel belongs to no tab. */
  readonly #tab = this.name.includes("http") ? opening.shift() : undefined;

  override postMessage(data: unknown): void {
    if (this.#tab) this.#tab.act(() => super.postMessage(data));
    else super.postMessage(data);
  }

  // deno-lint-ignore no-explicit-any
  override set onmessage(hear: any) {
    const tab = this.#tab;
    super.onmessage = tab
      ? (event: unknown) => tab.act(() => hear(event))
      : hear;
  }
}
globalThis.BroadcastChannel = TabChannel as typeof BroadcastChannel;
