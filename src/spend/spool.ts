import { mkdir, readdir, rm, stat, unlink, writeFile } from "node:fs/promises";
import path from "node:path";
import type { NewId } from "../lib/ids.ts";
import { PARTIAL_SUFFIX, writeDurably } from "../lib/write-durably.ts";
import type { Charge } from "./charge.ts";
import { encodeCharge } from "./charge-json.ts";
import {
  countSetAside,
  readSpoolFile,
  REFUSED_SUFFIX,
  type SpoolContent,
  UNREAD_SUFFIX,
  visitSpool,
  WAITING_SUFFIX,
} from "./spool-files.ts";
import { isDiskFull, SpoolReserve } from "./spool-reserve.ts";

/**
 * Charges that could not reach the store, on this machine's disk: one file a batch, complete or absent.
 * A file is removed only after its charges are in the store, and ids make a second replay harmless, so a
 * crash at any point neither loses nor doubles a charge. Several processes may share one folder.
 */
export interface Spool {
  /** Resolves with the file's name when the charges would survive a power cut; a failure leaves nothing behind. */
  append(charges: readonly Charge[]): Promise<string>;
  /** Tells each name in the folder, in no order. */
  visit(visit: (name: string, kind: "waiting" | "set_aside") => void): Promise<void>;
  /** Null when another process has replayed it. Throws when it cannot be read at all. */
  read(name: string): Promise<SpoolContent | null>;
  countSetAside(name: string): Promise<number | null>;
  remove(name: string): Promise<void>;
  /** Keeps charges of this file that the store refuses for good where no replay picks them up. */
  keepRefused(name: string, charges: readonly Charge[]): Promise<void>;
  /** Keeps lines of this file that are no charges, byte for byte. */
  keepUnread(name: string, lines: readonly Buffer[]): Promise<void>;
  /** Sees to the reserve and tries the disk; call it every second. What it finds is what `problem` says. */
  tend(): Promise<void>;
  /** Why a charge could not be taken now; null when it could. */
  readonly problem: string | null;
}

const RESERVE = "reserve";
/** Longer than any file is being written; what a crash left is removed then. It was never answered for. */
const STALE_MS = 60_000;
/** Who removes the folder, or the file that is being written, does not do it so often. */
const MISSING_TRIES = 3;

export function createSpool(folder: string, newId: NewId): Spool {
  const reserve = new SpoolReserve(path.join(folder, RESERVE));
  const fileOf = (name: string): string => path.join(folder, name);
  /** The last failure of a write that was not answered by a success since. */
  let failure: string | null = null;

  const write = async (name: string, content: string | Buffer): Promise<void> => {
    for (let missing = 0; ;) {
      try {
        await writeDurably(fileOf(name), content);
        failure = null;
        return;
      } catch (error) {
        const bytes = Buffer.byteLength(content);
        if (isDiskFull(error) && (await reserve.release(bytes).catch(() => false))) continue;
        if (isCode(error, "ENOENT") && ++missing < MISSING_TRIES) continue;
        failure = reasonOf(error);
        throw error;
      }
    }
  };

  return {
    append: async (charges) => {
      const name = newId("spool") + WAITING_SUFFIX;
      await write(name, linesOf(charges));
      return name;
    },
    visit: (visit) => visitSpool(folder, visit),
    read: (name) => readSpoolFile(fileOf(name)),
    countSetAside: (name) => countSetAside(fileOf(name)),
    remove: async (name) => {
      await unlink(fileOf(name)).catch((error: unknown) => {
        // Another process on the same folder replayed it as well.
        if (!isCode(error, "ENOENT")) throw error;
      });
    },
    keepRefused: (name, charges) => write(besides(name, REFUSED_SUFFIX), linesOf(charges)),
    keepUnread: (name, lines) =>
      write(besides(name, UNREAD_SUFFIX), Buffer.concat(lines.flatMap((line) => [line, Buffer.from("\n")]))),

    tend: async () => {
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await removeStale(folder);
        await reserve.grow();
        await probe(fileOf(newId("probe") + PARTIAL_SUFFIX), failure !== null);
        failure = null;
      } catch (error) {
        failure = reasonOf(error);
      }
    },

    get problem() {
      if (failure !== null) return failure;
      return reserve.isEnough ? null : "the disk is full";
    },
  };
}

function linesOf(charges: readonly Charge[]): string {
  return charges.map((charge) => `${encodeCharge(charge)}\n`).join("");
}

/** That a file can be made is enough to know, until something has failed: then it is written as charges are. */
async function probe(file: string, durably: boolean): Promise<void> {
  try {
    await (durably ? writeDurably(file, "\n") : writeFile(file, ""));
  } finally {
    await rm(file, { force: true });
  }
}

/** The same name each time: who does it twice, or beside another process, replaces a file by its like. */
function besides(name: string, suffix: string): string {
  return name.slice(0, -WAITING_SUFFIX.length) + suffix;
}

async function removeStale(folder: string): Promise<void> {
  const partials = (await readdir(folder)).filter((name) => name.endsWith(PARTIAL_SUFFIX));
  for (const name of partials) {
    const file = path.join(folder, name);
    const found = await stat(file).catch(() => null);
    if (found !== null && Date.now() - found.mtimeMs > STALE_MS) await rm(file, { force: true });
  }
}

function isCode(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException).code === code;
}

function reasonOf(error: unknown): string {
  return isDiskFull(error) ? "the disk is full" : ((error as NodeJS.ErrnoException).code ?? String(error));
}
