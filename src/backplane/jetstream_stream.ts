/**
 * The order as it lies in a JetStream stream: its subjects, its messages, and
 * what is no longer there.
 *
 * The stream takes the subjects `NAME.EPOCH.LOG`. Its own sequence is the `seq`; the
 * epoch was drawn by whoever made the stream. Where the stream has lost its end, a
 * last message names another epoch, and the subjects are given that: what is
 * published with the former one has nowhere to go, so that no node can go on in an
 * order that is lost.
 * @module
 */
import {
  digestOf,
  type Draft,
  keyReused,
  pageEnd,
  type Reading,
  type Tops,
} from "../backplane.ts";
import { createHash } from "../deps.ts";
import type { Frame } from "../frame.ts";
import { newEpoch } from "../key.ts";
import type { Position } from "../position.ts";
import type { JetStreamApi, Stored } from "./jetstream_api.ts";
import { epochOf, type Info, type StreamOptions } from "./jetstream_config.ts";
import { findStream, makeStream } from "./jetstream_maker.ts";
import {
  contentOf,
  frameOf,
  nextOf,
  placeOf,
  subjectOf,
} from "./jetstream_message.ts";

/** Where the order is. */
export interface StreamTop extends Position {
  /** The message there, if it is still held: another in its place is another order. */
  readonly last: Stored | undefined;
}

/** What was published, and where it lies. */
export interface Published extends Position {
  /** What is stored there, if it is not a repeat. */
  readonly content: string | undefined;
}

/** Nothing else was published to the subject. */
const FIRST = "Nats-Expected-Last-Subject-Sequence: 0";

const decoder = new TextDecoder();

/** One stream. */
export class OrderStream {
  readonly #api: JetStreamApi;
  readonly #options: StreamOptions;
  readonly #closing = new AbortController();
  #making: Promise<Info> | undefined;
  /** The latest time that is known, in µs: the next message's is above it. */
  #time = 0;

  constructor(api: JetStreamApi, options: StreamOptions) {
    this.#api = api;
    this.#options = options;
  }

  /** Where the order is; the stream is made if there is none. */
  async look(): Promise<StreamTop> {
    const { state, ...info } = await this.#made();
    const epoch = this.#epochOf(info as Info);
    const seq = state.last_seq;
    const last = seq > 0 ? await this.#api.get(seq) : undefined;
    if (last) this.#heard(last);
    return { epoch, seq, last };
  }

  /** The message at `seq`, if it is still held. */
  get(seq: number): Promise<Stored | undefined> {
    return this.#api.get(seq);
  }

  /** Whether another message lies where one was published. */
  async lacks({ seq, content }: Published): Promise<boolean> {
    const stored = await this.#api.get(seq);
    return stored !== undefined && decoder.decode(stored.data) !== content;
  }

  /** Whether a message says that the order `epoch` is over. */
  ends(epoch: string, { subject }: Stored): boolean {
    return subject === nextOf(this.#options.stream, epoch);
  }

  /** Gives the subjects another epoch than `lost`: the same, whoever asks for it. */
  async renew(lost: string): Promise<void> {
    const info = await this.#api.ask<Info>("STREAM.INFO");
    // Another node was faster.
    if (this.#epochOf(info) !== lost) return;
    const subjects = [this.#subject(await this.#next(lost))];
    await this.#api.ask("STREAM.UPDATE", { ...info.config, subjects });
  }

  /** The epoch after `lost`: what the first node says that finds it lost. */
  async #next(lost: string): Promise<string> {
    const subject = nextOf(this.#options.stream, lost);
    const epoch = newEpoch();
    try {
      await this.#api.publish(subject, epoch, FIRST);
      return epoch;
    } catch (error) {
      const first = await this.#api.get(1, subject);
      if (!first) throw error;
      return decoder.decode(first.data);
    }
  }

  /** Where the messages of `epoch` begin: above this. */
  async begins({ epoch, seq }: Position): Promise<number> {
    const first = await this.#api.get(1, this.#subject(epoch));
    return first ? first.seq - 1 : seq;
  }

  /** Publishes to the order `epoch`; refused by NATS if that is not the present one. */
  async publish(epoch: string, draft: Draft): Promise<Published> {
    const { log, key } = draft;
    this.#time = Math.max(Math.round(draft.time * 1_000), this.#time + 1);
    const content = contentOf(draft, this.#time);
    // One namespace for the whole stream, so the log is part of it (O9).
    const id = key === undefined
      ? undefined
      : createHash("sha256").update(`${epoch}\n${log}\n${key}`).digest(
        "base64",
      );
    const subject = this.#subject(epoch, log);
    const header = id && `Nats-Msg-Id: ${id}`;
    const answer = await this.#api.publish(subject, content, header);
    const { seq, duplicate } = answer;
    if (!duplicate) return { epoch, seq, content };
    await this.#compare(epoch, seq, draft);
    return { epoch, seq, content: undefined };
  }

  /** See `Backplane.read`. */
  async read(log: string, after: number, limit: number): Promise<Reading> {
    const epoch = this.#epochOf(await this.#made());
    const filter_subject = this.#subject(epoch, log);
    const found = await this.#api.fetch({
      deliver_policy: "by_start_sequence",
      opt_start_seq: after + 1,
      filter_subject,
    }, limit);
    // Afterwards: whatever was dropped meanwhile lies below this floor.
    const floor = await this.#floor(epoch, filter_subject);
    const frames = this.#frames(found).filter(({ seq }) => seq > floor);
    return { epoch, frames, next: pageEnd(found, limit), floor };
  }

  /**
   * The newest that a log has lost. A stream keeps one message more than a log may
   * have: once there are so many the oldest counts as lost, and says where the
   * floor is, which JetStream does not tell. Else only what lay before the whole
   * stream can be gone.
   */
  async #floor(epoch: string, subject: string): Promise<number> {
    const info = await this.#api.ask<Info>("STREAM.INFO", {
      subjects_filter: subject,
    });
    const { state, config } = info;
    const floor = Math.max(0, state.first_seq - 1);
    const held = state.subjects?.[subject] ?? 0;
    const most = config.max_msgs_per_subject;
    if (this.#epochOf(info) !== epoch || most < 1 || held < most) return floor;
    return (await this.#api.get(1, subject))?.seq ?? floor;
  }

  /** See `Backplane.tops`. */
  async tops(): Promise<Tops> {
    const { state, ...info } = await this.#made();
    const epoch = this.#epochOf(info as Info);
    const found = await this.#api.fetch({
      deliver_policy: "last_per_subject",
      filter_subject: this.#subject(epoch),
      headers_only: true,
    }, Infinity);
    const tops = found.flatMap(({ subject, seq }) => {
      const log = this.#place(subject)?.log;
      return log === undefined ? [] : [[log, seq] as const];
    });
    return { epoch, tops, floor: Math.max(0, state.first_seq - 1) };
  }

  /** The messages above a place, of all logs. */
  async past({ epoch, seq }: Position, limit: number): Promise<Frame[]> {
    const found = await this.#api.fetch({
      deliver_policy: "by_start_sequence",
      opt_start_seq: seq + 1,
      filter_subject: this.#subject(epoch),
    }, limit);
    return this.#frames(found);
  }

  #frames(found: readonly Stored[]): Frame[] {
    const frames = found.map((stored) => this.frame(stored));
    return frames.filter((frame) => frame !== undefined);
  }

  /** The message that is stored; nothing, if it is not one of a backplane's. */
  frame(stored: Stored): Frame | undefined {
    return frameOf(this.#options.stream, stored);
  }

  /** `time` was given to a message: the next one's lies above. */
  passed(time: number): void {
    this.#time = Math.max(this.#time, Math.round(time * 1_000));
  }

  /** Nobody waits any longer for another node to make it. */
  close(): void {
    this.#closing.abort();
  }

  /** What JetStream says of the stream; it is made if there is none. */
  async #made(): Promise<Info> {
    const info = await findStream(this.#api);
    if (info) return info;
    const { signal } = this.#closing;
    // However many ask, this node is one of those that want to.
    this.#making ??= makeStream(this.#api, this.#options, signal)
      .finally(() => this.#making = undefined);
    return await this.#making;
  }

  #epochOf(info: Info): string {
    return epochOf(this.#options.stream, info);
  }

  #subject(epoch: string, log?: string): string {
    return subjectOf(this.#options.stream, epoch, log);
  }

  #place(subject: string): { epoch: string; log: string } | undefined {
    return placeOf(this.#options.stream, subject);
  }

  /** The message that has the key already must be this one. */
  async #compare(epoch: string, seq: number, draft: Draft): Promise<void> {
    const stored = await this.#api.get(seq);
    const first = stored && this.frame(stored);
    // If it is no longer held, nobody can tell.
    if (!first || first.epoch !== epoch) return;
    if (digestOf(first) === digestOf(draft)) return;
    throw keyReused();
  }

  #heard(stored: Stored): void {
    const frame = this.frame(stored);
    if (frame) this.passed(frame.time);
  }
}
