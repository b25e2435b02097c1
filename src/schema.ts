/**
 * What a channel's data must look like: any Standard Schema (valibot, zod,
 * arktype …), checked for server code and for what comes in over HTTP alike.
 * @module
 */
import { PushError } from "./errors.ts";

/** The part of the Standard Schema interface (version 1) that is used. */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** What every implementation has under this name. */
  readonly "~standard": {
    /** The version of the interface. */
    readonly version: 1;
    /** Who made it. */
    readonly vendor: string;
    /** Checks a value; what it gives back is what is published. */
    validate(
      value: unknown,
    ): SchemaResult<Output> | Promise<SchemaResult<Output>>;
    /** For types only. */
    readonly types?:
      | { readonly input: Input; readonly output: Output }
      | undefined;
  };
}

/** A value that passed, or what is wrong with it. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** One fault. */
export interface SchemaIssue {
  /** What is wrong. */
  readonly message: string;
  /** Where: the keys that lead there. */
  readonly path?:
    | readonly (PropertyKey | { readonly key: PropertyKey })[]
    | undefined;
}

/**
 * Checks `data`; gives back what is to be published. Throws a `PushError`
 * `invalid_data` with the path of the first fault.
 */
export function check(
  schema: StandardSchema,
  data: unknown,
): unknown | Promise<unknown> {
  const result = schema["~standard"].validate(data);
  return result instanceof Promise ? result.then(outcome) : outcome(result);
}

function outcome(result: SchemaResult<unknown>): unknown {
  if (!result.issues) return result.value;
  const [issue] = result.issues;
  const path = (issue?.path ?? []).map((part) =>
    String(typeof part === "object" ? part.key : part)
  ).join(".");
  const where = path === "" ? "The data" : `data.${path}`;
  const what = issue?.message ?? "it does not fit the channel's schema";
  throw new PushError("invalid_data", brief(`${where}: ${what}`));
}

/** A schema's message may hold all of a bad value. */
function brief(text: string): string {
  return text.length > 300 ? `${text.slice(0, 300).toWellFormed()}…` : text;
}
