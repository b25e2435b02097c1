/**
 * A server that bad requests are sent to, and what they must leave as it was.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { v } from "../../src/deps.ts";
import { Problem } from "../../src/wire.ts";
import { type Halley, type Listener, start, subscribe } from "./halley.ts";
import { type Answer, exchange } from "./sockets.ts";

/** A server with a listener on everything, and what must not change. */
export class Target {
  readonly #halley: Halley;
  readonly #listener: Listener;
  readonly #before: string;
  readonly #errors: unknown[] = [];
  /** How many requests it has had. */
  sent = 0;

  private constructor(halley: Halley, listener: Listener) {
    this.#halley = halley;
    this.#listener = listener;
    this.#before = this.#state();
    halley.engine.on("error", (error) => this.#errors.push(error));
  }

  /** Starts it. */
  static async open(): Promise<Target> {
    const halley = await start(
      { limits: { message: 1_000 } },
      { hosts: ["localhost", "127.0.0.1"] },
    );
    await halley.engine.publish("a", 1);
    const { listener } = await subscribe(`${halley.url}/**`);
    return new Target(halley, listener);
  }

  /** Where it listens. */
  get port(): number {
    return this.#halley.port;
  }

  #state(): string {
    const { connections, channels, node } = this.#halley.engine;
    const each = [...connections.values()]
      .map(({ id, channels, transport }) => [id, channels, transport]);
    return JSON.stringify([each, channels, node.id, node.logs.memory]);
  }

  /** Sends a bad request; its answer is a problem of `statuses`. */
  async refuses(
    request: string | Uint8Array,
    ...statuses: number[]
  ): Promise<void> {
    const shown = typeof request === "string"
      ? JSON.stringify(request.slice(0, 300))
      : "bytes";
    const answer = await exchange(this.port, request);
    this.sent++;
    isProblem(answer, shown);
    if (statuses.length > 0) {
      assert(statuses.includes(answer.status), `${answer.status} to ${shown}`);
    }
    assertEquals(this.#state(), this.#before, shown);
  }

  /** Sends an odd request that is answered; it changes nothing either. */
  async answers(request: string, ...statuses: number[]): Promise<Answer> {
    const answer = await exchange(this.port, request);
    this.sent++;
    const shown = JSON.stringify(request.slice(0, 300));
    assert(statuses.includes(answer.status), `${answer.status} to ${shown}`);
    assertEquals(this.#state(), this.#before, shown);
    return answer;
  }

  /** Nobody was told anything: what the listener gets next comes from here. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#halley.engine.publish("after/all", this.sent);
    assertEquals(await this.#listener.data(1), [this.sent]);
    assertEquals(this.#errors, []);
    await this.#listener.close();
    await this.#halley.stop();
  }
}

/** Fails unless an answer is a problem of the sender (N8). */
export function isProblem(
  { status, headers, body }: Answer,
  shown: string,
): void {
  const text = `${status} ${body.slice(0, 200)} to ${shown}`;
  assertEquals(headers.get("content-type"), "application/problem+json", text);
  const problem = v.parse(Problem, JSON.parse(body));
  assertEquals(problem.status, status, text);
  assert(status >= 400 && status < 500, text);
  assert(problem.detail.length < 400, text);
}

/** A GET as it is sent. */
export function get(path: string, headers = ""): string {
  return `GET /push${path} HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`;
}

/** A POST as it is sent. */
export function post(
  path: string,
  type: string,
  body: string,
  headers = "",
): string {
  const { length } = new TextEncoder().encode(body);
  return `POST /push${path} HTTP/1.1\r\nHost: localhost\r\n${headers}` +
    `Content-Type: ${type}\r\nContent-Length: ${length}\r\n\r\n${body}`;
}
