/**
 * What this runtime can do. Features are detected; what cannot work is refused
 * with the reason.
 * @module
 */

/** The parts of a runtime that are looked at. */
export interface Runtime {
  readonly Bun?: { readonly version: string };
  readonly ReadableStream?: unknown;
}

/** Throws an `Error` where streams would lose messages or grow without bound. */
export function checkRuntime(runtime: Runtime = globalThis as Runtime): void {
  if (runtime.ReadableStream === undefined) {
    throw new Error("Halley needs ReadableStream, which this runtime lacks.");
  }
  const version = runtime.Bun?.version;
  if (version === undefined) return;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > 1 || (major === 1 && minor >= 4)) return;
  throw new Error(
    `Halley needs Bun 1.4 or newer, and this is ${version}: before 1.4 a ` +
      "response has no backpressure, so that one client that stops reading " +
      "would fill the memory.",
  );
}
