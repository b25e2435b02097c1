/**
 * A connection whose dialect is a conversation: one request after the other.
 * @module
 */
import { sleep } from "../orders.ts";
import { type Answer, AnswerReader } from "./answers.ts";
import { Client, idIn, PATIENCE, type Route } from "./client.ts";
import type { Exchange, Step, Talk } from "./dialects.ts";
import type { Ledger } from "./ledger.ts";

/** A client of a dialect that is a conversation: long-polling. */
export class ExchangeClient extends Client {
  readonly #steps: Generator<Step, void, Answer>;
  #reader = new AnswerReader();
  #step: Step;
  #heard: () => void = () => {};

  constructor(
    index: number,
    ledger: Ledger,
    route: Route,
    dialect: Exchange,
    talk: Talk,
  ) {
    super(index, ledger, route);
    this.#steps = dialect.talk(talk);
    this.#step = this.#steps.next().value as Step;
  }

  /** A request that is written may have reached nobody: an answer has to come. */
  override async back(): Promise<void> {
    const heard = new Promise<void>((resolve) => this.#heard = resolve);
    await super.back();
    await Promise.race([heard, sleep(PATIENCE)]);
  }

  protected override begin(opened: () => void): void {
    this.#reader = new AnswerReader();
    // After a cut the request that had no answer is sent again.
    this.#send(opened);
  }

  protected override take(bytes: Uint8Array, opened: () => void): void {
    for (const answer of this.#reader.push(bytes)) {
      if (answer.status >= 400) {
        throw new Error(`It was refused: ${answer.head} ${answer.body}`);
      }
      if (this.id === "") {
        this.id = idIn(answer.body.toString("latin1", 0, 200));
      }
      this.count(answer.body);
      this.#heard();
      const next = this.#steps.next(answer);
      if (next.done) return this.leave();
      this.#step = next.value;
      this.#send(opened);
    }
  }

  /** A server may close a connection between two answers. */
  protected override dropped(): void {
    void sleep(0).then(() => this.connect()).catch(() => {});
  }

  #send(opened: () => void): void {
    this.socket!.write(this.#step.request);
    if (this.#step.parked) opened();
  }
}
