/**
 * What browsers have and servers may not: told to the compiler, looked for at run time.
 * @module
 */

/** How a lock is asked for (W3C Web Locks). */
export interface LockOptions {
  readonly steal?: boolean;
}

/** Web Locks, as far as they are used. */
export interface Locks {
  request(
    name: string,
    options: LockOptions,
    held: () => void | Promise<void>,
  ): Promise<void>;
}

/** A browser's `navigator`, as far as it is used. */
export interface Page {
  readonly locks?: Locks;
  /** Whether there is a network, as far as it knows. */
  readonly onLine?: boolean;
  sendBeacon?(url: string): boolean;
}

/** The `navigator` there is, if there is one. */
export const page: Page | undefined =
  (globalThis as { navigator?: Page }).navigator;
