import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, statfsSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** A file system of its own with so little room that it can be filled; needs the right to mount. */
export class SmallDisk {
  readonly folder: string;
  readonly #filler: string;

  constructor(megabytes: number) {
    this.folder = mkdtempSync(path.join(tmpdir(), "spendhook-disk-"));
    this.#filler = path.join(this.folder, "filler");
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", this.folder]);
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.folder);
    return bavail * bsize;
  }

  /** Takes all room that is left, however often it is asked. */
  fill(): void {
    const file = openSync(this.#filler, "a");
    try {
      for (let bytes = 1024 * 1024; bytes >= 1;) {
        try {
          writeSync(file, Buffer.alloc(bytes, 1));
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
          bytes = Math.floor(bytes / 4);
        }
      }
    } finally {
      closeSync(file);
    }
  }

  /** Gives back what `fill` has taken. */
  free(): void {
    rmSync(this.#filler, { force: true });
  }

  /** As a disk whose file system has found an error in itself. */
  setReadOnly(readOnly: boolean): void {
    execFileSync("mount", ["-o", `remount,${readOnly ? "ro" : "rw"}`, this.folder]);
  }

  [Symbol.dispose](): void {
    // Lazily: whoever still runs on it, as a killed process for a moment, keeps nobody waiting.
    execFileSync("umount", ["--lazy", this.folder]);
    rmdirSync(this.folder);
  }
}
