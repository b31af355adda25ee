import { randomBytes } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import path from "node:path";

/** What a file is called while it is being written: it has never been answered for. */
export const PARTIAL_SUFFIX = ".partial";

/**
 * Writes a file that is complete or absent: it resolves when the file would survive a power cut. A file of that name
 * is replaced. The folder is made where it is missing. What fails leaves nothing behind; a crash may leave a file
 * whose name ends in PARTIAL_SUFFIX.
 */
export async function writeDurably(target: string, content: string | Uint8Array): Promise<void> {
  const folder = path.dirname(target);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // A name of its own: two processes may write the same file at once.
  const partial = `${target}.${randomBytes(4).toString("hex")}${PARTIAL_SUFFIX}`;
  let written = partial;
  try {
    const file = await open(partial, "wx", 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(partial, target);
    written = target;
    await syncFolder(folder);
  } catch (error) {
    await rm(written, { force: true }).catch(() => {
      // The failure that brought us here is the one to report.
    });
    throw error;
  }
}

/** Makes what was renamed, made or removed in a folder durable. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
