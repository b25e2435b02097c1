/**
 * The native protocol in code: a schema for every request and every frame. Its
 * text is PROTOCOL.md; the clauses cited here are found there.
 * @module
 */
import { v } from "./deps.ts";
import { codes, PushError } from "./errors.ts";
import { channelFault, subscriptionFault } from "./name.ts";

/** The longest that a long-poll is held, in ms (N10). */
export const MAX_WAIT = 60_000;
/** How long it is held if it does not say, in ms (N5). */
export const DEFAULT_WAIT = 25_000;

/** The name of something to publish to (N2). */
export const ChannelName = v.pipe(
  v.string(),
  v.rawCheck(({ dataset, addIssue }) => {
    const fault = dataset.typed && channelFault(dataset.value);
    if (fault) addIssue({ message: fault });
  }),
);

/** The name of something to subscribe to, or a pattern (N2). */
export const Subscription = v.pipe(
  v.string(),
  v.rawCheck(({ dataset, addIssue }) => {
    const fault = dataset.typed && subscriptionFault(dataset.value);
    if (fault) addIssue({ message: fault });
  }),
);

const Key = v.pipe(
  v.string(),
  v.regex(/^[0-9A-Za-z]{24}$/, "it is not the key of a connection"),
);

const Milliseconds = v.pipe(
  v.string(),
  v.regex(/^[0-9]{1,9}$/, "it is not a number of milliseconds"),
  v.transform(Number),
  v.maxValue(MAX_WAIT, `it is above ${MAX_WAIT}`),
);

/** `GET base/CHANNEL` and `GET base?channel=…` (N1, N5, N6). */
export const SubscribeRequest = v.strictObject({
  channel: v.array(Subscription),
  since: v.optional(v.pipe(v.string(), v.nonEmpty("it is empty"))),
  key: v.optional(Key),
  wait: v.optional(Milliseconds),
  presence: v.optional(v.picklist(["0", "1"], "it is neither 0 nor 1")),
  transport: v.optional(
    v.picklist(["sse", "stream", "poll"], "it is not sse, stream or poll"),
  ),
});
/** What a subscriber asks for. */
export type SubscribeRequest = v.InferOutput<typeof SubscribeRequest>;

/** `POST base/CHANNEL` (N7). */
export const PublishRequest = v.strictObject({
  channel: ChannelName,
  to: v.optional(v.pipe(
    v.string(),
    v.regex(/^(\*|[0-9A-Za-z_-]{1,64})$/, "it is neither an id nor *"),
  )),
  key: v.optional(Key),
  idempotencyKey: v.optional(v.pipe(
    v.string(),
    v.nonEmpty("it is empty"),
    v.maxLength(255, "it is longer than 255 characters"),
  )),
});
/** What a publisher asks for. */
export type PublishRequest = v.InferOutput<typeof PublishRequest>;

/** `GET base/$presence?channel=…` (N11). */
export const PresenceRequest = v.strictObject({
  channel: v.pipe(v.array(ChannelName), v.nonEmpty("no channel is named")),
});

/** `POST base/$leave` (N9). */
export const LeaveRequest = v.strictObject({ key: Key });

const Id = v.pipe(v.string(), v.regex(/^[0-9A-Za-z]{1,40}-[0-9]{1,16}$/));

/** A message (N3). */
export const MessageFrame = v.strictObject({
  type: v.literal("message"),
  channel: v.string(),
  id: Id,
  data: v.unknown(),
});

/** What the server says about the stream itself (N4). */
export const ControlFrame = v.variant("type", [
  v.strictObject({
    type: v.literal("open"),
    connection: v.string(),
    key: v.string(),
    id: v.optional(Id),
    heartbeat: v.pipe(v.number(), v.integer(), v.minValue(1)),
  }),
  v.strictObject({
    type: v.literal("reset"),
    channel: v.optional(v.string()),
    id: v.optional(Id),
  }),
  v.strictObject({ type: v.literal("heartbeat"), id: v.optional(Id) }),
  v.strictObject({
    type: v.literal("close"),
    code: v.picklist(Object.keys(codes)),
    retry: v.boolean(),
    after: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  }),
]);

const Present = v.strictObject({
  connection: v.string(),
  subject: v.optional(v.string()),
});

/** Somebody has joined or left a channel (N11). */
export const PresenceFrame = v.strictObject({
  type: v.picklist(["join", "leave"]),
  channel: v.string(),
  id: Id,
  data: Present,
});

/** Who is there (N11). */
export const PresenceAnswer = v.strictObject({
  presence: v.record(v.string(), v.array(Present)),
});

/** A line of an NDJSON stream, or the data of a Server-Sent Event. */
export const StreamFrame = v.union([MessageFrame, PresenceFrame, ControlFrame]);

/** The answer to a long-poll (N5). */
export const PollAnswer = v.strictObject({
  connection: v.string(),
  key: v.string(),
  id: v.optional(Id),
  messages: v.array(v.union([MessageFrame, PresenceFrame])),
  reset: v.optional(v.union([v.literal(true), v.array(v.string())])),
});

/** The answer to a publish (N7). */
export const PublishAnswer = v.strictObject({ id: Id });

/** The answer to `POST base/$ticket` (N12). */
export const TicketAnswer = v.strictObject({ ticket: v.string() });

/** A refusal (N8; RFC 9457). */
export const Problem = v.strictObject({
  title: v.string(),
  status: v.pipe(v.number(), v.integer()),
  code: v.picklist(Object.keys(codes)),
  detail: v.string(),
});

/** Checks a request; throws a `PushError` that names the field and the fault. */
export function parse<S extends v.GenericSchema>(
  schema: S,
  request: unknown,
): v.InferOutput<S> {
  const result = v.safeParse(schema, request, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const field = v.getDotPath(issue) ?? "request";
  const name = typeof issue.input === "string" ? brief(issue.input) : "";
  throw new PushError(
    field.startsWith("channel") ? "invalid_channel" : "invalid_request",
    `${field} ${name}: ${issue.message}`.replace(" :", ":"),
  );
}

/** A value as it can be shown in an error: short, and without control characters. */
function brief(value: string): string {
  const shown = value.length > 40 ? `${value.slice(0, 40)}…` : value;
  return JSON.stringify(shown.toWellFormed());
}
