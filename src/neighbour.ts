/**
 * Finds out whether another engine of this deployment also has its messages in
 * its own memory: then half the clients would hear nothing of the other half.
 * @module
 */

/**
 * Differs in every thread that loads this module; made with the first engine, as
 * workerd allows no random values in the global scope.
 */
let instance: string | undefined;

/** How long others are listened for, in ms: those that start with this one. */
const LISTEN = 2_000;

const ADVICE =
  "This backplane reaches one process only, so clients of one engine hear " +
  "nothing of what is published at the other. Run one engine, or give all of " +
  "them a backplane that they share.";

/**
 * Calls `found` with an `Error` if there is such an engine, or if the platform is
 * known to run several. Returns what ends it.
 */
export function watchForNeighbours(found: (error: Error) => void): () => void {
  if (onDenoDeploy()) {
    const error = new Error(`Deno Deploy runs many instances: ${ADVICE}`);
    // A moment later, so that somebody can listen for it.
    queueMicrotask(() => found(error));
    return () => {};
  }
  if (typeof BroadcastChannel !== "function") return () => {};
  const own = instance ??= crypto.randomUUID();
  const hello = new BroadcastChannel("halley.memory");
  hello.onmessage = ({ data }) => {
    if (data === own) return;
    // Answered once, so that the other side knows too, if it came first.
    hello.postMessage(own);
    stop();
    found(new Error(`Another engine runs beside this one: ${ADVICE}`));
  };
  hello.postMessage(own);
  // No longer, because under Deno a listener keeps the program running.
  const timer = setTimeout(stop, LISTEN);
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
