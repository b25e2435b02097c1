/**
 * Server-Sent Events as the WHATWG's HTML standard reads them (9.2.6).
 * @module
 */

/** One dispatched event. */
export interface SseEvent {
  readonly type: string;
  readonly data: string;
  /** The last event id when it was dispatched. */
  readonly lastEventId: string;
}

/** What an `EventSource` keeps: the last event id and the reconnection time. */
export class EventReader {
  lastEventId = "";
  retry: number | undefined;
  readonly #decoder = new TextDecoder();
  #rest = "";
  #id: string;
  #type = "";
  #data: string[] = [];

  /** Goes on from a former reader's last event id. */
  constructor(lastEventId = "") {
    this.#id = this.lastEventId = lastEventId;
  }

  /** Takes the next bytes; the events they complete. */
  read(bytes: Uint8Array): SseEvent[] {
    const text = this.#rest + this.#decoder.decode(bytes, { stream: true });
    // A CR at the end may be half of a CRLF.
    const lines = text.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop()!;
    return lines.flatMap((line) => this.#line(line));
  }

  #line(line: string): SseEvent[] {
    if (line === "") return this.#dispatch();
    const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line)!;
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#type = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "retry" && /^[0-9]+$/.test(value)) {
      this.retry = Number(value);
    }
    return [];
  }

  #dispatch(): SseEvent[] {
    // Only now: an id whose event was cut off has not been had.
    this.lastEventId = this.#id;
    const data = this.#data.join("\n");
    const type = this.#type || "message";
    const empty = this.#data.length === 0;
    this.#data = [];
    this.#type = "";
    return empty ? [] : [{ type, data, lastEventId: this.lastEventId }];
  }
}
