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
  const own = instance ??= crypto.randomUUID();
  const hello = new BroadcastChannel("halley.memory");
  // Listening alone keeps no program running.
  (hello as { unref?(): void }).unref?.();
  hello.onmessage = ({ data }) => {
    if (data === own) return;
    // Answered once, so that the other side knows too, however late it came.
    hello.postMessage(own);
    hello.close();
    found(new Error(`Another engine runs beside this one: ${ADVICE}`));
  };
  hello.postMessage(own);
  return () => hello.close();
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
