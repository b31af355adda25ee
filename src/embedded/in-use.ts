import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, statSync } from "node:fs";
import path from "node:path";

/** The exit code of a store that must not begin anew: starting it again is no help. */
export const EXIT_DATA_LOST = 78;

/** Data that was there is not. The message says which, and what to do. */
export class DataLostError extends Error {
  override readonly name = "DataLostError";

  /** `or` is a way out that loses less than to begin anew. */
  constructor(what: string, or: string | null = null) {
    super(
      `${what}, although it has been in use; bring it back from a backup, ${or === null ? "" : `${or}, `}or begin anew with --force-new, which keeps what is there under another name`,
    );
  }
}

/** Beside the folder: it stays when that is gone. */
export function inUseFile(dataDir: string, kind: "store" | "mongo"): string {
  return path.join(dataDir, `${kind}.in-use`);
}

/** Makes an empty file that says something by being there; it is on the disk when this returns. */
export function leaveMark(file: string): void {
  if (existsSync(file)) return;
  const folder = path.dirname(file);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const handle = openSync(file, "a", 0o600);
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  syncFolder(folder);
}

/** Makes the names in a folder durable. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Throws DataLostError for a file that is gone or empty where there has been one. */
export function requireContent(file: string, or: string | null = null): void {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) throw new DataLostError(`${file} is gone`, or);
  if (found.size === 0) throw new DataLostError(`${file} is empty`, or);
}

export function hasContent(file: string): boolean {
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0;
}
