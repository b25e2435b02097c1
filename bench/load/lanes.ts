/**
 * Requests that go out when they are due, whatever became of those before them:
 * each takes a connection that is idle, or a new one.
 * @module
 */
import { connect, type Socket } from "node:net";
import { now } from "../orders.ts";
import { type Answer, AnswerReader } from "./answers.ts";

/** How many requests may be under way; further ones wait, and their time counts. */
const MOST = 256;

/** How long an answer may take, in ms. */
const PATIENCE = 30_000;

/** What became of a request. */
export interface Outcome {
  /** When it was written, and when its answer had come. */
  readonly sent: number;
  readonly answered: number;
  readonly answer: Answer;
}

interface Job {
  readonly request: string;
  resolve(outcome: Outcome): void;
  reject(reason: Error): void;
  sent: number;
}

/** Keep-alive connections to one server. */
export class Lanes {
  readonly #address: string;
  readonly #port: number;
  readonly #idle: Lane[] = [];
  readonly #queue: Job[] = [];
  #lanes = 0;

  constructor(address: string, port: number) {
    this.#address = address;
    this.#port = port;
  }

  /** Opens so many connections ahead of time. */
  async warm(number: number, request: string): Promise<void> {
    await Promise.all(
      Array.from({ length: number }, () => this.send(request)),
    );
  }

  /** Sends a request now. */
  send(request: string): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const job = { request, resolve, reject, sent: 0 };
      const lane = this.#idle.pop();
      if (lane) lane.take(job);
      else if (this.#lanes < MOST) this.#open().take(job);
      else this.#queue.push(job);
    });
  }

  #open(): Lane {
    this.#lanes++;
    const socket = connect({ host: this.#address, port: this.#port });
    const lane = new Lane(socket, (fault) => {
      if (fault) {
        this.#lanes--;
        const next = this.#queue.shift();
        if (next) this.#open().take(next);
        return;
      }
      const next = this.#queue.shift();
      if (next) lane.take(next);
      else this.#idle.push(lane);
    }, () => {
      const index = this.#idle.indexOf(lane);
      if (index >= 0) this.#idle.splice(index, 1);
    });
    return lane;
  }
}

/** One connection, one request at a time. */
class Lane {
  readonly #socket: Socket;
  readonly #reader = new AnswerReader();
  #job: Job | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    socket: Socket,
    done: (fault: boolean) => void,
    gone: () => void,
  ) {
    this.#socket = socket;
    let open = true;
    const fail = (reason: string) => {
      if (!open) return;
      open = false;
      gone();
      const job = this.#job;
      this.#job = undefined;
      clearTimeout(this.#timer);
      socket.destroy();
      job?.reject(new Error(reason));
      done(true);
    };
    socket.setNoDelay(true);
    socket.on("error", (error: Error) => fail(error.message));
    socket.on("close", () => fail("The server has closed the connection."));
    socket.on("timeout", () => fail("No answer came in time."));
    socket.on("data", (bytes: Uint8Array) => {
      for (const answer of this.#reader.push(bytes)) {
        const job = this.#job;
        this.#job = undefined;
        clearTimeout(this.#timer);
        job?.resolve({ sent: job.sent, answered: now(), answer });
        done(false);
      }
    });
    this.#fail = fail;
  }

  readonly #fail: (reason: string) => void;

  take(job: Job): void {
    this.#job = job;
    job.sent = now();
    this.#timer = setTimeout(
      () => this.#fail("No answer came in time."),
      PATIENCE,
    );
    this.#socket.write(job.request);
  }
}
