/**
 * Which events of an engine are logged, at which level, with which words.
 * @module
 */
import type { Connection } from "../connection.ts";
import { type Code, codes } from "../errors.ts";
import type { Events } from "../events.ts";
import type { Level, Logger } from "./logger.ts";
import type { Clock } from "../options.ts";

type Fields = Record<string, string | number | boolean | undefined>;

/** Reports the events of an engine to `log`. */
export function logEvents(events: Events, clock: Clock, log: Logger): void {
  const note = (level: Level, event: string, fields: Fields) =>
    log({ time: clock.now(), level, event, ...fields });
  const who = ({ id, identity }: Connection): Fields => ({
    connection: id,
    subject: identity?.subject,
  });
  events.on("connect", (one) => note("debug", "connect", who(one)));
  events.on("away", (one) => note("debug", "away", who(one)));
  events.on("return", (one) => note("debug", "return", who(one)));
  events.on("drop", (one, reason) => {
    const forced = reason === "slow" || reason === "kicked";
    note(forced ? "info" : "debug", "drop", { ...who(one), reason });
  });
  events.on("subscribe", (one, channel) => {
    note("debug", "subscribe", { ...who(one), channel });
  });
  events.on("unsubscribe", (one, channel) => {
    note("debug", "unsubscribe", { ...who(one), channel });
  });
  // Without its detail, which may name what was meant to be secret.
  events.on("refuse", ({ code, status }) => {
    note(levelOf(code), "refuse", { code, status });
  });
  events.on("order", (id) => note("info", "order", { id }));
  events.on("gap", (id) => note("warn", "gap", { id }));
  events.on("drain", (connections) => note("info", "drain", { connections }));
  events.on("close", () => note("info", "close", {}));
  events.on("error", (error) => note("error", "error", describe(error)));
}

/** What is refused because of the server matters more than what is asked amiss. */
function levelOf(code: Code): Level {
  if (code === "shutdown") return "debug";
  return codes[code].status >= 500 ? "warn" : "debug";
}

function describe(error: unknown): Fields {
  if (!(error instanceof Error)) return { error: String(error) };
  return { error: error.message, stack: error.stack };
}
