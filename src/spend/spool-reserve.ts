import { randomBytes } from "node:crypto";
import { open, stat } from "node:fs/promises";

export const RESERVE_BYTES = 16 * 1024 * 1024;
const CHUNK_BYTES = 1024 * 1024;
const BLOCK_BYTES = 4096;

/** True for a disk that has no room, or a quota that is used up. */
export function isDiskFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT";
}

/**
 * Room on the disk that is taken while there is some, and given back piece by piece when charges must be written to a
 * full disk. Several processes may share one file.
 */
export class SpoolReserve {
  readonly #file: string;
  #bytes = 0;

  constructor(file: string) {
    this.#file = file;
  }

  /** At least half of it is there: enough for the calls in flight. */
  get isEnough(): boolean {
    return this.#bytes >= RESERVE_BYTES / 2;
  }

  /** Takes what is missing, as far as the disk has room. Throws for any other failure than a full disk. */
  async grow(): Promise<void> {
    // Appended, so that two processes at once leave no hole: a hole would be room that nobody has.
    const handle = await open(this.#file, "a", 0o600);
    try {
      for (let chunk: Buffer | null = null; ;) {
        this.#bytes = (await handle.stat()).size;
        const missing = RESERVE_BYTES - this.#bytes;
        if (missing <= 0) return;
        // Random, as a file system that compresses would keep no room for zeros.
        chunk ??= randomBytes(CHUNK_BYTES);
        await handle.writeFile(chunk.subarray(0, missing));
      }
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      this.#bytes = (await handle.stat()).size;
    } finally {
      await handle.close();
    }
  }

  /** Gives back room for so many bytes in a file of their own; false when nothing is left. */
  async release(bytes: number): Promise<boolean> {
    this.#bytes = await stat(this.#file).then(
      ({ size }) => size,
      () => 0,
    );
    if (this.#bytes === 0) return false;
    const wanted = (Math.ceil(bytes / BLOCK_BYTES) + 1) * BLOCK_BYTES;
    const left = Math.max(0, this.#bytes - wanted);
    const handle = await open(this.#file, "r+");
    try {
      await handle.truncate(left);
      // Some file systems hand out freed blocks only when that they are free is on the disk.
      await handle.sync();
    } finally {
      await handle.close();
    }
    this.#bytes = left;
    return true;
  }
}
