/**
 * Whether any node has a connection that this one knows nothing of: it may have come
 * a moment ago, so all are asked before anyone says that it is nobody's.
 * @module
 */
import { PushError } from "../errors.ts";

/** How long an answer may take, in ms: then nobody knows. */
const PATIENCE = 5_000;

interface Question {
  readonly id: string;
  readonly due: number;
  resolve(found: boolean): void;
  reject(error: PushError): void;
}

/** Questions of one node: all that come while one is under way go together. */
export class Questions {
  #waiting: Question[] = [];
  #asked: Question[] = [];
  /** The nodes that have not answered; none while nothing is asked. */
  #pending: Set<string> | undefined;
  #number = Infinity;

  /**
   * Asks whether anyone has connection `id`; false is certain, and says that all have
   * heard what was told before.
   */
  ask(id: string, now: number): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ id, due: now + PATIENCE, resolve, reject });
    });
  }

  /** Whether all nodes are to be asked. */
  get due(): boolean {
    return this.#asked.length === 0 && this.#waiting.length > 0;
  }

  /** They are being asked now; what comes later waits for the next time. */
  send(): void {
    this.#asked = this.#waiting.splice(0);
    this.#pending = undefined;
  }

  /** They have been asked in message `number`, and the `others` have to answer. */
  asked(number: number, others: Iterable<string>): void {
    this.#number = number;
    this.#pending = new Set(others);
    this.#conclude();
  }

  /** A node has told all up to message `number` of this one, or is gone. */
  answered(node: string, number = Infinity): void {
    if (number < this.#number || !this.#pending?.delete(node)) return;
    this.#conclude();
  }

  /** Somebody has connection `id`. */
  found(id: string): void {
    const others = (question: Question) => {
      if (question.id !== id) return true;
      question.resolve(true);
      return false;
    };
    this.#waiting = this.#waiting.filter(others);
    this.#asked = this.#asked.filter(others);
  }

  /** The question may have been lost. */
  lost(): void {
    this.#waiting.unshift(...this.#asked.splice(0));
    this.#pending = undefined;
  }

  /** Gives up what has been waited for too long. */
  sweep(now: number): void {
    const waits = (question: Question) => {
      if (now < question.due) return true;
      question.reject(new PushError("unavailable", UNSURE, 1_000));
      return false;
    };
    this.#waiting = this.#waiting.filter(waits);
    this.#asked = this.#asked.filter(waits);
  }

  /** Refuses all that wait, as this node is closed. */
  close(reason: PushError): void {
    const all = [...this.#asked.splice(0), ...this.#waiting.splice(0)];
    for (const { reject } of all) reject(reason);
  }

  #conclude(): void {
    if (this.#pending && this.#pending.size > 0) return;
    this.#pending = undefined;
    for (const { resolve } of this.#asked.splice(0)) resolve(false);
  }
}

const UNSURE =
  "Some node does not answer; nobody knows whether there is such a connection.";
