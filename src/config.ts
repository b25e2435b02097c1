/**
 * The stand-alone server's environment variables: one per option.
 * @module
 */
import type { CloseOptions } from "./drain.ts";
import { type Level, LEVELS } from "./operate/logger.ts";
import { jwt, type JwtOptions } from "./auth/jwt.ts";
import type { EngineOptions } from "./options.ts";
import type { Policy } from "./policy.ts";
import type { RouterOptions } from "./router.ts";

/** What the environment says. */
export interface Config {
  /** `HOST`: the address to listen on (default 127.0.0.1). */
  readonly host: string;
  /** `PORT`: the port to listen on (default 8000). */
  readonly port: number;
  /** `HALLEY_REUSE_PORT=1`: other processes may listen on it too (Bun). */
  readonly reusePort: boolean;
  /** Whether only this machine can reach it. */
  readonly local: boolean;
  /** `HALLEY_INSECURE=1`: anyone who reaches a public host may publish. */
  readonly insecure: boolean;
  /** `HALLEY_LOG`: from which level on there is a line of JSON per event. */
  readonly log: Level | undefined;
  /** `HALLEY_METRICS=1`: others than this machine may read metrics. */
  readonly metrics: boolean;
  /** `HALLEY_DRAIN` and `HALLEY_DOWNTIME`: how it ends. */
  readonly close: CloseOptions;
  /** Where messages outlive this process, if anywhere; one of {@linkcode STORAGES}. */
  readonly storage: Storage | undefined;
  /** `HALLEY_JWT_SECRET` or `HALLEY_JWKS_URL`: who may do what (default: all). */
  readonly policy: Policy | undefined;
  readonly engine: EngineOptions;
  readonly router: RouterOptions;
  /** `HALLEY_CHANNELS`: what clients of Comet4J follow (default `hello`). */
  readonly channels: readonly string[];
}

/** How long a server that is alone is away when it is restarted, in ms, about. */
const DOWNTIME = 2_000;

/** `HALLEY_DATA` names a file, the others the URL of a service that servers share. */
export const STORAGES = [
  "HALLEY_DATA",
  "HALLEY_REDIS",
  "HALLEY_NATS",
] as const;

/** Which variable says where messages are kept, and what it says. */
export interface Storage {
  readonly kind: typeof STORAGES[number];
  readonly at: string;
}

/** The names of a machine to itself. */
export const LOOPBACK: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

/** What connections, subjects and addresses have quotas of. */
const QUOTAS = ["connections", "channels", "opens", "publishes", "bytes"];

/** Reads the environment; throws an `Error` that names the variable and the fault. */
export function readConfig(env: Record<string, string | undefined>): Config {
  const number = (
    name: string,
    least = 0,
    most = Number.MAX_SAFE_INTEGER,
  ) => {
    const text = env[name]?.trim();
    if (text === undefined || text === "") return undefined;
    const value = Number(text);
    if (/^[0-9]+$/.test(text) && value >= least && value <= most) return value;
    const range = `a whole number from ${least} to ${most}`;
    throw new Error(`${name} is ${JSON.stringify(text)}; it must be ${range}.`);
  };
  const list = (name: string) => {
    const items = (env[name] ?? "").split(",").map((item) => item.trim());
    const named = items.filter((item) => item !== "");
    return named.length > 0 ? named : undefined;
  };
  const host = env.HOST?.trim() || "127.0.0.1";
  const local = isLoopback(host);
  const insecure = env.HALLEY_INSECURE === "1";
  const policy = policyOf(env, list);
  if (!local && !insecure && !policy) {
    throw new Error(
      `HOST is ${host}, which others can reach, and nothing says who may ` +
        "publish: anyone could. Set HALLEY_JWT_SECRET or HALLEY_JWKS_URL, listen " +
        "on 127.0.0.1 behind something that knows its users, or set " +
        "HALLEY_INSECURE=1 if that is what you want.",
    );
  }
  const level = env.HALLEY_LOG?.trim() || undefined;
  const log = LEVELS.find((each) => each === level);
  if (level !== undefined && !log) {
    throw new Error(
      `HALLEY_LOG is ${JSON.stringify(level)}; it must be one of ${LEVELS}.`,
    );
  }
  const storage = readStorage(env);
  // Where servers share their messages, others are there to come back to.
  const shared = storage && storage.kind !== "HALLEY_DATA";
  const reusePort = env.HALLEY_REUSE_PORT === "1";
  if (reusePort && !shared) {
    throw new Error(
      "HALLEY_REUSE_PORT=1 takes HALLEY_REDIS or HALLEY_NATS: clients of one " +
        "process would hear nothing of what is published at the others.",
    );
  }
  const downtime = number("HALLEY_DOWNTIME") ??
    (shared ? undefined : DOWNTIME);
  const hosts = list("HALLEY_HOSTS") ?? (local ? LOOPBACK : undefined);
  const origins = list("HALLEY_ORIGINS");
  const header = env.HALLEY_PROXY_HEADER?.trim();
  const hops = number("HALLEY_PROXY_HOPS", 1, 100);
  const proxy = header ? { header, ...hops && { hops } } : undefined;
  const quota = (name: string, kinds: readonly string[]) => {
    const said = kinds.map((kind) => [
      kind,
      number(`HALLEY_${name}_${kind.toUpperCase()}`, 1),
    ]).filter(([, value]) => value !== undefined);
    return said.length > 0 ? Object.fromEntries(said) : undefined;
  };
  return {
    host,
    port: number("PORT", 0, 65_535) ?? 8_000,
    reusePort,
    local,
    insecure,
    policy,
    storage,
    log,
    metrics: env.HALLEY_METRICS === "1",
    close: {
      over: number("HALLEY_DRAIN") ?? 0,
      ...(downtime !== undefined && { downtime }),
    },
    engine: defined({
      heartbeat: number("HALLEY_HEARTBEAT", 100),
      linger: number("HALLEY_LINGER"),
      writeTimeout: number("HALLEY_WRITE_TIMEOUT", 1),
      maxAge: number("HALLEY_MAX_AGE"),
      reconnectRate: number("HALLEY_RECONNECT_RATE", 1),
      preload: number("HALLEY_PRELOAD"),
      publishTimeout: number("HALLEY_PUBLISH_TIMEOUT"),
      bodyTimeout: number("HALLEY_BODY_TIMEOUT", 1),
      history: defined({
        frames: number("HALLEY_HISTORY_FRAMES"),
        bytes: number("HALLEY_HISTORY_BYTES"),
        age: number("HALLEY_HISTORY_AGE"),
      }),
      limits: defined({
        connections: number("HALLEY_MAX_CONNECTIONS"),
        channels: number("HALLEY_MAX_CHANNELS", 1),
        message: number("HALLEY_MAX_MESSAGE", 1),
        bytes: number("HALLEY_MAX_BYTES", 1),
        logs: number("HALLEY_MAX_LOGS", 1),
        connection: quota("CONNECTION", ["publishes", "bytes"]),
        subject: quota("SUBJECT", QUOTAS),
        address: quota("ADDRESS", QUOTAS),
      }),
    }),
    router: defined({ origins, hosts, proxy }),
    channels: list("HALLEY_CHANNELS") ?? ["hello"],
  };
}

function readStorage(
  env: Record<string, string | undefined>,
): Storage | undefined {
  const named = STORAGES.map((kind) => ({ kind, at: env[kind]?.trim() ?? "" }))
    .filter(({ at }) => at !== "");
  if (named.length > 1) {
    const names = named.map(({ kind }) => kind).join(" and ");
    throw new Error(`${names} are set; messages are kept in one place.`);
  }
  return named[0];
}

/** Tokens, if a variable says how they are checked. */
function policyOf(
  env: Record<string, string | undefined>,
  list: (name: string) => string[] | undefined,
): Policy | undefined {
  const text = (name: string) => env[name]?.trim() || undefined;
  const options = defined({
    secret: text("HALLEY_JWT_SECRET"),
    jwks: text("HALLEY_JWKS_URL"),
    issuer: text("HALLEY_JWT_ISSUER"),
    audience: list("HALLEY_JWT_AUDIENCE"),
    algorithms: list("HALLEY_JWT_ALGORITHMS"),
    cookie: text("HALLEY_JWT_COOKIE"),
    ticketSecret: text("HALLEY_TICKET_SECRET"),
  });
  if (Object.keys(options).length === 0) return undefined;
  try {
    return jwt(options as JwtOptions);
  } catch (error) {
    const { message } = error as Error;
    throw new Error(`HALLEY_JWT_…: ${message} (PROTOCOL.md, N12)`);
  }
}

/** Whether an address belongs to this machine alone. */
export function isLoopback(address: string): boolean {
  return address === "localhost" || /^127(\.[0-9]{1,3}){3}$/.test(address) ||
    /^(\[?::1\]?|::ffff:127(\.[0-9]{1,3}){3})$/i.test(address);
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** The same without what is not there. */
function defined<T extends object>(fields: T): Partial<Defined<T>> {
  const entries = Object.entries(fields).filter(([, value]) =>
    value !== undefined
  );
  return Object.fromEntries(entries) as Partial<Defined<T>>;
}
