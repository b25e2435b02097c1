/**
 * Folders of their own for tests whose backplane is a file.
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sqlite, type SqliteOptions } from "../../src/backplane/sqlite.ts";
import type { Backplane } from "../../src/backplane.ts";
import type { Keeping, Place } from "../backplane_claims.ts";

/** A folder that goes with the test. */
export class Folder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), "halley-"));

  /** The path of a file in it. */
  file(name = "halley.db"): string {
    return join(this.path, name);
  }

  /** A backplane in one of its files. */
  open(options: Partial<SqliteOptions> = {}): Backplane {
    return sqlite({ path: this.file(), ...options });
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true });
  }
}

/** A file as the place of an order. */
export function filePlace(): Place {
  const folder = new Folder();
  return {
    open: (keeping: Keeping = {}) => folder.open({ history: keeping }),
    remove: () => folder[Symbol.dispose](),
  };
}
