/**
 * One line of JSON per event, for whoever runs a server. No line has a message's
 * data, a key or a token in it.
 * @module
 */

/** How much an entry matters. */
export type Level = "debug" | "info" | "warn" | "error";

/** One event: what happened, when, and a few words about it. */
export interface LogEntry {
  /** How much it matters. */
  readonly level: Level;
  /** What happened, in one or two stable words. */
  readonly event: string;
  /** When, in ms since 1970. */
  readonly time: number;
  /** What belongs to this event. */
  readonly [field: string]: string | number | boolean | undefined;
}

/** Takes the entries. */
export type Logger = (entry: LogEntry) => void;

/** All levels, from the least to the most. */
export const LEVELS: readonly Level[] = ["debug", "info", "warn", "error"];

/**
 * A logger that writes a line of JSON per entry: those of `level` (default `info`)
 * and above.
 */
export function jsonLogger(
  level: Level = "info",
  write: (line: string) => void = console.log,
): Logger {
  const least = LEVELS.indexOf(level);
  return ({ time, ...entry }) => {
    if (LEVELS.indexOf(entry.level) < least) return;
    write(JSON.stringify({ time: new Date(time).toISOString(), ...entry }));
  };
}
