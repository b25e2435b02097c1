/**
 * The two connections that `jetStream()` takes, from npm.
 * @module
 */
import { connect } from "npm:@nats-io/transport-node@^3.4.0";
import { connect as connect2 } from "npm:nats@^2.29.3";
import type { NatsConnection } from "../../src/backplane/jetstream_api.ts";
import type { StreamOptions } from "../../src/backplane/jetstream_config.ts";

/** A connection that goes on trying for as long as it is there. */
type Connection = NatsConnection & { close(): Promise<void> };

const options = { maxReconnectAttempts: -1, reconnectTimeWait: 20 };

/** How a connection is made, by its package. */
export const connections: Record<
  string,
  (port: number) => Promise<Connection>
> = {
  "@nats-io/transport-node": (port) =>
    connect({ servers: `127.0.0.1:${port}`, ...options }),
  nats: (port) => connect2({ servers: `127.0.0.1:${port}`, ...options }),
};

/** How tests have the stream `halley` made. */
export const KEPT: StreamOptions = {
  stream: "halley",
  storage: "file",
  replicas: 1,
  frames: 10,
  age: 60_000,
  size: 1_000_000,
  keyAge: 1_000,
};
