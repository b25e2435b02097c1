/**
 * One connection of the load: a bare socket, and who counts what comes.
 * @module
 */
import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";
import { now } from "../orders.ts";
import type { Streaming, Talk } from "./dialects.ts";
import type { Ledger } from "./ledger.ts";

/** Where to connect to, and from where. */
export interface Route {
  readonly address: string;
  readonly port: number;
  /** The source address; each pair of addresses has 28,000 ports or so. */
  readonly from: string;
}

/** How long a connection may take to open, in ms. */
export const PATIENCE = 30_000;

/** How much of a stream's end is looked at for its last id. */
const TAIL = 4_096;

const NOTHING = Buffer.alloc(0);

/** A connection that opens, counts, is cut and comes back. */
export abstract class Client {
  /** Whether messages reach it. */
  open = false;
  /** What the server calls it, if it says so. */
  id = "";
  /** Why it is closed, if that was not our doing. */
  fault: string | undefined;
  protected socket: Socket | undefined;
  #carry: Uint8Array | undefined;

  constructor(
    readonly index: number,
    protected readonly ledger: Ledger,
    readonly route: Route,
  ) {}

  /** Is cut off and comes back; resolves when messages reach it again. */
  async back(): Promise<void> {
    this.leave();
    await this.connect();
  }

  /** Connects, or connects again; resolves when messages reach it. */
  connect(): Promise<void> {
    const { address, port, from } = this.route;
    return new Promise((resolve, reject) => {
      const socket = connect({ host: address, port, localAddress: from });
      this.socket = socket;
      this.#carry = undefined;
      const timer = setTimeout(
        () => fail("It did not open in time."),
        PATIENCE,
      );
      const opened = () => {
        if (this.open) return;
        this.open = true;
        clearTimeout(timer);
        resolve();
      };
      const fail = (reason: string) => {
        if (this.socket !== socket) return;
        const wasOpen = this.open;
        this.leave();
        this.fault = reason;
        clearTimeout(timer);
        if (wasOpen) this.dropped();
        else reject(new Error(reason));
      };
      socket.setNoDelay(true);
      socket.on("error", (error: Error) => fail(error.message));
      socket.on("close", () => fail("The server has closed it."));
      socket.on("data", (bytes: Uint8Array) => {
        try {
          this.take(bytes, opened);
        } catch (error) {
          fail((error as Error).message);
        }
      });
      socket.on("connect", () => this.begin(opened));
    });
  }

  /** Goes away without a word. */
  leave(): void {
    const { socket } = this;
    this.socket = undefined;
    this.open = false;
    socket?.destroy();
  }

  /** Reads no more until `resume`. */
  pause(): void {
    this.socket?.pause();
  }

  /** Reads again. */
  resume(): void {
    this.socket?.resume();
  }

  /** Books what is in these bytes. */
  protected count(bytes: Uint8Array): void {
    const whole = this.#carry ? join(this.#carry, bytes) : bytes;
    this.#carry = this.ledger.scan(this.index, whole, now());
  }

  /** Sends the first request. */
  protected abstract begin(opened: () => void): void;
  /** Takes what came. */
  protected abstract take(bytes: Uint8Array, opened: () => void): void;
  /** The server has closed an open connection. */
  protected dropped(): void {}
}

/** A client of a dialect whose one answer does not end. */
export class StreamingClient extends Client {
  readonly #dialect: Streaming;
  readonly #talk: Talk;
  readonly #resumes: boolean;
  /** The end of what was booked, and what is no whole event yet. */
  #tail = "";
  #rest: Buffer = NOTHING;

  /** One that resumes looks closer at what it gets, which costs a little. */
  constructor(
    index: number,
    ledger: Ledger,
    route: Route,
    dialect: Streaming,
    talk: Talk,
    resumes: boolean,
  ) {
    super(index, ledger, route);
    this.#dialect = dialect;
    this.#talk = talk;
    this.#resumes = resumes;
  }

  protected override begin(): void {
    this.#rest = NOTHING;
    const since = this.#tail && this.#dialect.cursor(this.#tail);
    this.socket!.write(this.#dialect.request(this.#talk, since || undefined));
  }

  protected override take(bytes: Uint8Array, opened: () => void): void {
    if (!this.open) {
      const head = new TextDecoder().decode(bytes.subarray(0, 2_000));
      if (!/^HTTP\/1\.1 200/.test(head) || /"type":"close"/.test(head)) {
        throw new Error(`It was refused: ${head}`);
      }
      this.id = idIn(head);
      opened();
    }
    if (!this.#resumes) return this.count(bytes);
    // A client that is cut within an event has not had that event.
    const all = Buffer.concat([this.#rest, bytes]);
    const { end } = this.#dialect;
    const last = all.lastIndexOf(end);
    if (last < 0) return void (this.#rest = all);
    const whole = all.subarray(0, last + end.length);
    this.#rest = Buffer.from(all.subarray(last + end.length));
    this.#tail =
      (this.#tail + whole.toString("latin1", Math.max(0, whole.length - TAIL)))
        .slice(-TAIL);
    this.count(whole);
  }
}

/** What the server calls a connection, if it says so in these bytes. */
export function idIn(text: string): string {
  return /"connection":"([^"]+)"/.exec(text)?.[1] ?? "";
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  const whole = new Uint8Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}
