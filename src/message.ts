/**
 * What may be published: JSON, turned into text once.
 * @module
 */
import { Buffer } from "./deps.ts";
import { PushError } from "./errors.ts";

/**
 * The JSON text of `data`, without line breaks. Throws a `PushError`:
 * `invalid_json` for what JSON cannot say, `too_large` beyond `limit` bytes.
 */
export function jsonText(data: unknown, limit: number): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(data);
  } catch (error) {
    throw new PushError("invalid_json", `Not JSON: ${describe(error)}`);
  }
  if (text === undefined) {
    throw new PushError("invalid_json", `Not JSON: ${typeof data}`);
  }
  if (text.length * 3 > limit && Buffer.byteLength(text) > limit) {
    throw new PushError(
      "too_large",
      `The message has ${
        Buffer.byteLength(text)
      } bytes; the limit is ${limit}.`,
    );
  }
  return text;
}

function describe(error: unknown): string {
  if (error instanceof RangeError) return "it is nested too deeply";
  return error instanceof Error ? error.message.split("\n")[0]! : String(error);
}
