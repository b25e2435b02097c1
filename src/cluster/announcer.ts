/**
 * The joins and leaves that some node owes to those who watch. Every node knows them
 * all, as they follow from the order; of each connection and channel the next is told
 * only once the former has been heard. So each is told once, and in order.
 * @module
 */
import type { Backplane, Draft } from "../backplane.ts";
import { isAway } from "../errors.ts";
import type { Frame } from "../frame.ts";
import { covers } from "../name.ts";
import { changes } from "../presence.ts";
import type { Change } from "./learn.ts";
import type { Members } from "./members.ts";

/** After how many of our own beats another tells what a node has not. */
const OVERDUE = 4;
/** After how many more everybody does, as that one may know nothing of it. */
const UNKNOWN = 2;
/** Who owes what puts right that something untrue was told. */
const NOBODY = "";

/** A join or leave that has not been heard yet. */
interface Owed {
  readonly draft: Draft;
  /** Who has to tell it. */
  by: string;
  /** How many beats had come when it was owed. */
  readonly since: number;
  /** Whether it could not be told. */
  failed?: boolean;
}

/** What this node knows to be owed, and its end of telling it. */
export class Announcer {
  readonly #backplane: Backplane;
  readonly #members: Members;
  readonly #fail: (error: unknown) => void;
  /** Of each connection and channel, oldest first. */
  readonly #owed = new Map<string, Owed[]>();
  /** What we have to tell, and are not telling yet. */
  readonly #due = new Set<Owed>();
  #beats = 0;

  constructor(
    backplane: Backplane,
    members: Members,
    fail: (error: unknown) => void,
  ) {
    this.#backplane = backplane;
    this.#members = members;
    this.#fail = fail;
  }

  /** Node `by` owes the joins and leaves of a change that `cause` has made. */
  owe(by: string, cause: Frame, { before, after, ...who }: Change): void {
    const { self } = this.#members;
    const watched = this.#members.watched([...before, ...after]);
    if (watched.size === 0) return;
    for (const draft of changes(who, before, after, watched, cause.time)) {
      // To a node that has just started all are new, though they joined long ago.
      const old = !self.told && by !== self.id && draft.meta === "join";
      if (!old) this.#owe(by, cause, draft);
    }
  }

  /** Takes a join or leave from the feed. */
  heard(frame: Frame): void {
    const about = aboutOf(frame);
    const queue = this.#owed.get(about) ?? [];
    // What stands before it is owed by nobody: we did not know all.
    const at = queue.findIndex(({ draft }) => draft.meta === frame.meta);
    for (const owed of queue.splice(0, at + 1)) this.#due.delete(owed);
    if (queue.length > 0) {
      if (at >= 0) this.#next(queue[0]!);
      return;
    }
    this.#owed.delete(about);
    if (this.#isTrue(frame)) return;
    const { log, channel, data, time } = frame;
    const meta = frame.meta === "join" ? "leave" : "join";
    this.#owe(NOBODY, frame, { log, channel, data, time, meta });
  }

  /** One of our own beats has come; `first`: we are the one who stands in for others. */
  beat(first: boolean): void {
    const end = ++this.#beats - OVERDUE - (first ? 0 : UNKNOWN);
    const { id } = this.#members.self;
    for (const [about, queue] of this.#owed) {
      const owed = queue[0]!;
      if (owed.by === id) {
        // What others have told meanwhile has come before this beat.
        if (owed.failed) this.#due.add(owed);
        continue;
      }
      if (owed.since > end) continue;
      if (owed.by === NOBODY && !this.#isTrue(owed.draft)) {
        this.#owed.delete(about);
        continue;
      }
      owed.by = id;
      this.#due.add(owed);
    }
  }

  /** Tells what is ours to tell; what could not be told waits for our next beat. */
  announce(): void {
    if (this.#due.size === 0) return;
    const due = [...this.#due];
    this.#due.clear();
    for (const owed of due) void this.#tell(owed);
  }

  /** What was told may be lost. */
  lost(): void {
    this.#owed.clear();
    this.#due.clear();
  }

  #owe(by: string, cause: Frame, draft: Draft): void {
    const about = aboutOf(draft);
    // Whoever tells it: it is the same, and published once.
    const key = `${cause.id}\n${draft.meta}\n${draft.data}`;
    const owed = { draft: { ...draft, key }, by, since: this.#beats };
    const queue = this.#owed.get(about) ?? [];
    // What is told now puts it right.
    if (queue[0]?.by === NOBODY) queue.shift();
    queue.push(owed);
    this.#owed.set(about, queue);
    if (queue[0] === owed) this.#next(owed);
  }

  /** It is the oldest of its kind. */
  #next(owed: Owed): void {
    if (owed.by === this.#members.self.id) this.#due.add(owed);
  }

  /** Whether who joined is there, or who left is not. */
  #isTrue({ channel, data, meta }: Draft | Frame): boolean {
    const names = this.#members.namesOf(JSON.parse(data).connection);
    return names.some((name) => covers(name, channel)) === (meta === "join");
  }

  async #tell(owed: Owed): Promise<void> {
    owed.failed = false;
    try {
      await this.#backplane.publish(owed.draft);
    } catch (error) {
      owed.failed = true;
      if (!isAway(error)) this.#fail(error);
    }
  }
}

function aboutOf({ log, data }: Draft | Frame): string {
  return `${log}\n${data}`;
}
