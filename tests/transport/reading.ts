/**
 * The client's end of a response in this process.
 * @module
 */

/** A frame as a client sees it. */
export interface Seen {
  readonly type: string;
  readonly id?: string;
  readonly data?: unknown;
  readonly code?: string;
  readonly [field: string]: unknown;
}

/** Reads an NDJSON stream write by write. */
export class Reading {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(response: Response) {
    this.#reader = response.body!.getReader();
  }

  /** The bytes of the next write; `undefined` at the end. */
  async bytes(): Promise<Uint8Array | undefined> {
    return (await this.#reader.read()).value;
  }

  /** The text of the next write; empty at the end. */
  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  /** The frames of the next write; none at the end. */
  async next(): Promise<Seen[]> {
    const lines = (await this.text()).split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line));
  }

  /** Goes away, as when the socket breaks. */
  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}
