/**
 * Finds out whether another engine of this deployment also has its messages in
 * its own memory: then half the clients would hear nothing of the other half.
 * @module
 */

/** Differs in every thread that loads this module. */
const INSTANCE = crypto.randomUUID();

/** How long a newcomer is listened for, in ms. */
const LISTEN = 2_000;

const ADVICE =
  "memory() reaches one process only, so clients of one engine hear nothing " +
  "of what is published at the other. Run one engine, or give all of them a " +
  "backplane that they share.";

/**
 * Calls `found` with an `Error` if there is such an engine, or if the platform is
 * known to run several. Returns what ends it.
 */
export function watchForNeighbours(found: (error: Error) => void): () => void {
  if (onDenoDeploy()) {
    found(new Error(`Deno Deploy runs an instance per region: ${ADVICE}`));
    return () => {};
  }
  if (typeof BroadcastChannel !== "function") return () => {};
  const hello = new BroadcastChannel("halley.memory");
  hello.onmessage = ({ data }) => {
    if (data === INSTANCE) return;
    // Answered once, so that the other side knows too, however late it came.
    hello.postMessage(INSTANCE);
    stop();
    found(new Error(`Another engine runs beside this one: ${ADVICE}`));
  };
  hello.postMessage(INSTANCE);
  const timer = setTimeout(stop, LISTEN);
  unref(timer);
  unref(hello);
  function stop(): void {
    clearTimeout(timer);
    hello.close();
  }
  return stop;
}

function onDenoDeploy(): boolean {
  const { Deno } = globalThis as {
    Deno?: { env?: { get(n: string): unknown } };
  };
  try {
    return Boolean(Deno?.env?.get("DENO_DEPLOYMENT_ID"));
  } catch {
    return false; // Not allowed to look: then it is not Deno Deploy.
  }
}

function unref(what: unknown): void {
  if (typeof what === "object") (what as { unref?(): void }).unref?.();
  else globalThis.Deno?.unrefTimer?.(what as number);
}
