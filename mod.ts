/**
 * Halley: an edge push runtime. A server that parks many long-lived responses
 * (NDJSON streams, Server-Sent Events, long-polls) and fans messages out to them.
 *
 * @example Publish, and read it back over HTTP
 * ```ts
 * import { createEngine, createRouter } from "./mod.ts";
 *
 * const engine = createEngine();
 * const router = createRouter(engine);
 * await engine.publish("news", { hello: "world" });
 * const answer = await router.request(
 *   "/news?transport=poll&since=earliest&wait=0",
 * );
 * const { messages } = await answer.json();
 * if (messages[0].data.hello !== "world") throw new Error("not there");
 * await engine.close();
 * ```
 * @module
 */
export { createEngine, Engine } from "./src/engine.ts";
export type { ConnectOptions } from "./src/arrival.ts";
export type { CloseOptions } from "./src/drain.ts";
export { healthz, readyz } from "./src/operate/probes.ts";
export {
  jsonLogger,
  type Level,
  type LogEntry,
  type Logger,
} from "./src/operate/logger.ts";
export { metrics } from "./src/operate/prometheus.ts";
export {
  type Attributes,
  type Meter,
  type MeterOptions,
  type MeterResult,
  telemetry,
} from "./src/operate/telemetry.ts";
export type {
  Clock,
  EngineOptions,
  Limits,
  LimitsOptions,
  Quota,
} from "./src/options.ts";
export type { TrustedProxy } from "./src/auth/address.ts";
export type {
  Channel,
  ChannelEvents,
  ChannelOptions,
  History,
  HistoryOptions,
  Present,
  PublishOptions,
} from "./src/channel.ts";
export type {
  SchemaIssue,
  SchemaResult,
  StandardSchema,
} from "./src/schema.ts";
export {
  type ChannelStreamOptions,
  type EndReason,
  type Out,
  type ProduceOptions,
  type Producer,
  stream,
  type StreamOptions,
} from "./src/respond.ts";
export type { Connection } from "./src/connection.ts";
export type { Sink } from "./src/sink.ts";
export type { Protocol } from "./src/protocol.ts";
export { comet4j, type Comet4jOptions } from "./src/protocol/comet4j.ts";
export { bayeux } from "./src/protocol/bayeux.ts";
export type {
  BayeuxCall,
  BayeuxCallHandler,
  BayeuxOptions,
} from "./src/protocol/bayeux/options.ts";
export type { Candidate, EngineEvents } from "./src/events.ts";
export type {
  Chunk,
  Control,
  ControlData,
  Encoded,
  Format,
  Frame,
  FrameInit,
  Open,
} from "./src/frame.ts";
export type { Bounds } from "./src/log.ts";
export type { Action, Identity, Policy } from "./src/policy.ts";
export { jwt, type JwtOptions } from "./src/auth/jwt.ts";
export type { Jwk } from "./src/auth/jwk.ts";
export type { Algorithm } from "./src/auth/token.ts";
export { covers } from "./src/name.ts";
export { createRouter, type RouterOptions } from "./src/router.ts";
export type { Callers } from "./src/http.ts";
export {
  type Backplane,
  type Draft,
  type FeedListener,
  type MaybePromise,
  memory,
  type MemoryOptions,
  type Reading,
  type Tops,
} from "./src/backplane.ts";
export { denoKv, type DenoKvOptions } from "./src/backplane/deno_kv.ts";
export type {
  KvAtomic,
  KvEntry,
  KvKey,
  KvKeyPart,
  KvLike,
  KvSelector,
} from "./src/backplane/kv_shape.ts";
export type { KeepOptions } from "./src/backplane/keep.ts";
export { sqlite, type SqliteOptions } from "./src/backplane/sqlite.ts";
export { jetStream, type JetStreamOptions } from "./src/backplane/jetstream.ts";
export type {
  NatsConnection,
  NatsMessage,
} from "./src/backplane/jetstream_api.ts";
export { redis, type RedisOptions } from "./src/backplane/redis.ts";
export type {
  IORedisClient,
  NodeRedisClient,
} from "./src/backplane/redis_connection.ts";
export type { Position } from "./src/position.ts";
export { type Code, type DropReason, PushError } from "./src/errors.ts";
export type { Hono } from "./src/deps.ts";
