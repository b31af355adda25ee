import { mkdir, open, readdir, readFile, rename, unlink } from "node:fs/promises";
import path from "node:path";
import type { NewId } from "../lib/ids.ts";
import type { Charge } from "./charge.ts";
import { decodeCharge, encodeCharge } from "./charge-json.ts";

/**
 * Charges that could not reach the store, on this machine's disk: one file a batch, complete or absent.
 * A file is removed only after its charges are in the store, and ids make a second replay harmless, so a
 * crash at any point neither loses nor doubles a charge.
 */
export interface Spool {
  /** Resolves when the charges would survive a power cut. */
  append(charges: readonly Charge[]): Promise<void>;
  /** Complete files, oldest first. */
  list(): Promise<string[]>;
  /** Throws SpoolFileError when a file is not what `append` wrote. */
  read(file: string): Promise<Charge[]>;
  remove(file: string): Promise<void>;
  /** Keeps charges that the store refuses for good where no replay picks them up. */
  setAside(charges: readonly Charge[]): Promise<void>;
}

/** A spool file that cannot be read back; it is kept for a person to look at. */
export class SpoolFileError extends Error {
  override readonly name = "SpoolFileError";
}

const SUFFIX = ".charges.ndjson";
const REFUSED_SUFFIX = ".refused.ndjson";

export function createSpool(directory: string, newId: NewId): Spool {
  return {
    append: (charges) => writeDurably(directory, newId("spool") + SUFFIX, charges),
    setAside: (charges) => writeDurably(directory, newId("spool") + REFUSED_SUFFIX, charges),

    list: async () => {
      const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return [];
        throw error;
      });
      return names
        .filter((name) => name.endsWith(SUFFIX))
        .sort()
        .map((name) => path.join(directory, name));
    },

    read: async (file) => {
      const lines = (await readFile(file, "utf8")).split("\n").filter((line) => line !== "");
      return lines.map((line, index) => {
        try {
          return decodeCharge(line);
        } catch (cause) {
          throw new SpoolFileError(`${path.basename(file)} line ${index + 1} is not a charge`, { cause });
        }
      });
    },

    remove: async (file) => {
      await unlink(file).catch((error: NodeJS.ErrnoException) => {
        // Another process on the same directory replayed it as well.
        if (error.code !== "ENOENT") throw error;
      });
    },
  };
}

async function writeDurably(directory: string, name: string, charges: readonly Charge[]): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const target = path.join(directory, name);
  const partial = `${target}.partial`;
  const file = await open(partial, "wx", 0o600);
  try {
    await file.writeFile(charges.map((charge) => `${encodeCharge(charge)}\n`).join(""));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(partial, target);
  await syncDirectory(directory);
}

/** Makes the rename itself durable. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
