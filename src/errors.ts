/**
 * Every way in which a request is refused or a stream is ended, with what the
 * client does next. Server and client share this table.
 * @module
 */

/** What a code means: the HTTP status, and whether coming back can help. */
export interface CodeInfo {
  /** The HTTP status of a refusal (a stream that has begun gets a `close`). */
  readonly status: number;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** The sentence people read when nothing more precise is known. */
  readonly title: string;
}

/** A stable code: one of the names in {@linkcode codes}. */
export type Code =
  | "invalid_request"
  | "invalid_channel"
  | "invalid_json"
  | "unauthorized"
  | "token_expired"
  | "forbidden"
  | "bad_origin"
  | "not_found"
  | "method_not_allowed"
  | "not_acceptable"
  | "request_timeout"
  | "too_large"
  | "unsupported_type"
  | "invalid_data"
  | "key_reused"
  | "too_many_requests"
  | "too_many_channels"
  | "too_many_connections"
  | "unavailable"
  | "internal"
  | "shutdown"
  | "left"
  | "expired"
  | "slow"
  | "replaced"
  | "max_age"
  | "kicked";

/** The stable codes of `problem+json` answers and `close` frames. */
export const codes: Readonly<Record<Code, CodeInfo>> = {
  invalid_request: refusal(400, "The request is malformed."),
  invalid_channel: refusal(400, "The channel name is not valid."),
  invalid_json: refusal(400, "The body is not valid JSON."),
  unauthorized: refusal(401, "This needs a valid identity."),
  token_expired: refusal(401, "The token has expired; bring a new one.", true),
  forbidden: refusal(403, "This is not allowed."),
  bad_origin: refusal(403, "This origin or host is not allowed."),
  not_found: refusal(404, "There is nothing here."),
  method_not_allowed: refusal(405, "This method is not allowed here."),
  not_acceptable: refusal(406, "None of the accepted types is offered."),
  request_timeout: refusal(408, "The request took too long.", true),
  too_large: refusal(413, "The message is too large."),
  unsupported_type: refusal(415, "This media type cannot be published."),
  invalid_data: refusal(422, "The data does not fit the channel."),
  key_reused: refusal(422, "This key was used for another body."),
  too_many_requests: refusal(429, "Too much at once.", true),
  too_many_channels: refusal(429, "Too many channels.", true),
  too_many_connections: refusal(503, "Too many connections.", true),
  unavailable: refusal(503, "The order of messages is out of reach.", true),
  internal: refusal(500, "Something went wrong here.", true),
  shutdown: refusal(503, "The server is going away.", true),
  left: refusal(410, "The client has left."),
  expired: refusal(410, "The connection has expired.", true),
  slow: refusal(408, "The client reads too slowly.", true),
  replaced: refusal(409, "Another response took this connection.", true),
  max_age: refusal(503, "This response has been open long enough.", true),
  kicked: refusal(403, "The connection was ended by the server."),
};

/** Why a connection ended, as `drop` listeners and clients see it. */
export type DropReason =
  | "left"
  | "expired"
  | "slow"
  | "kicked"
  | "replaced"
  | "shutdown";

function refusal(status: number, title: string, retryable = false): CodeInfo {
  return { status, retryable, title };
}

/** A refusal that both sides can act on: a stable code and a readable detail. */
export class PushError extends Error {
  /** The stable code, for programs. */
  readonly code: Code;
  /** How long to wait before trying again, in ms, where that is known. */
  readonly retryAfter: number | undefined;

  /** Makes the refusal `code`; `detail` says what failed, why, and the value. */
  constructor(code: Code, detail?: string, retryAfter?: number) {
    super(detail ?? codes[code].title);
    this.name = "PushError";
    this.code = code;
    this.retryAfter = retryAfter;
  }

  /** The HTTP status of this refusal. */
  get status(): number {
    return codes[this.code].status;
  }

  /** Whether the same request may succeed later. */
  get retryable(): boolean {
    return codes[this.code].retryable;
  }
}

/** Whether the backplane is out of reach: what was asked of it may succeed later. */
export function isAway(error: unknown): boolean {
  return error instanceof PushError && error.code === "unavailable";
}
