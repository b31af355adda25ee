import { opendir, readFile } from "node:fs/promises";
import path from "node:path";
import type { Charge } from "./charge.ts";
import { decodeCharge } from "./charge-json.ts";

/** Charges that wait for the store. */
export const WAITING_SUFFIX = ".charges.ndjson";
/** Charges that the store refused for good. */
export const REFUSED_SUFFIX = ".refused.ndjson";
/** Bytes that are no charges, as they were found in a file that should have had some. */
export const UNREAD_SUFFIX = ".unread.ndjson";

/** Names in a spool folder, oldest first. */
interface SpoolNames {
  readonly waiting: readonly string[];
  /** What no replay picks up: it is kept for a person to look at. */
  readonly setAside: readonly string[];
}

/** One file of waiting charges. */
export interface SpoolContent {
  readonly charges: readonly Charge[];
  /** Lines that are no charges. A file without anything in it has one, which is empty: something is missing. */
  readonly unread: readonly Buffer[];
}

/** How many names are read at once: others have their turn in between. */
const NAMES_AT_ONCE = 256;

/** Tells each name in a spool folder, in no order. A folder that does not exist has nothing in it. */
export async function visitSpool(
  folder: string,
  visit: (name: string, kind: "waiting" | "set_aside") => void,
): Promise<void> {
  try {
    for await (const { name } of await opendir(folder, { bufferSize: NAMES_AT_ONCE })) {
      if (name.endsWith(WAITING_SUFFIX)) visit(name, "waiting");
      else if (name.endsWith(REFUSED_SUFFIX) || name.endsWith(UNREAD_SUFFIX)) visit(name, "set_aside");
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

/** All names, for who looks once. */
async function listSpool(folder: string): Promise<SpoolNames> {
  const names = { waiting: [] as string[], setAside: [] as string[] };
  await visitSpool(folder, (name, kind) => names[kind === "waiting" ? "waiting" : "setAside"].push(name));
  names.waiting.sort();
  names.setAside.sort();
  return names;
}

/** Null when there is no such file: somebody has replayed it. Throws when it cannot be read. */
export async function readSpoolFile(file: string): Promise<SpoolContent | null> {
  const bytes = await readIfThere(file);
  if (bytes === null) return null;
  const charges: Charge[] = [];
  const unread: Buffer[] = [];
  const lines = linesOf(bytes);
  for (const line of lines) {
    const charge = chargeIn(line);
    if (charge === null) unread.push(line);
    else charges.push(charge);
  }
  return { charges, unread: lines.length === 0 ? [Buffer.alloc(0)] : unread };
}

/** How many lines a file that was set aside has; null when it is gone. Throws when it cannot be read. */
export async function countSetAside(file: string): Promise<number | null> {
  const bytes = await readIfThere(file);
  return bytes === null ? null : Math.max(1, linesOf(bytes).length);
}

async function readIfThere(file: string): Promise<Buffer | null> {
  return readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
}

const NEWLINE = 10;

/** As bytes: what is damaged need not be text, and is kept as it is. */
function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let from = 0; from < bytes.length;) {
    const found = bytes.indexOf(NEWLINE, from);
    const end = found === -1 ? bytes.length : found;
    if (end > from) lines.push(bytes.subarray(from, end));
    from = end + 1;
  }
  return lines;
}

function chargeIn(line: Buffer): Charge | null {
  try {
    return decodeCharge(line.toString("utf8"));
  } catch {
    // The caller keeps the line and says so.
    return null;
  }
}

/** What a spool folder has, for a verifier. */
export interface SpoolSurvey {
  readonly charges: number;
  readonly totalNano: bigint;
  /** Each file and line that no replay will book, by name. */
  readonly faults: readonly string[];
}

/** Looks through a spool folder without changing it; the service may be running. */
export async function surveySpool(folder: string): Promise<SpoolSurvey> {
  const waiting = new Map<string, bigint>();
  const faults: string[] = [];
  const unreadable = (name: string, error: unknown): void => {
    const { code } = error as NodeJS.ErrnoException;
    faults.push(`spool file ${name} cannot be read (${code ?? "error"})`);
  };
  const names = await listSpool(folder).catch((error: unknown) => {
    unreadable(folder, error);
    return { waiting: [], setAside: [] };
  });
  for (const name of names.waiting) {
    try {
      const content = await readSpoolFile(path.join(folder, name));
      for (const { requestId, costNano } of content?.charges ?? []) waiting.set(requestId, costNano);
      const unread = content?.unread.length ?? 0;
      if (unread > 0) faults.push(`spool file ${name}: ${unread} of its lines cannot be read`);
    } catch (error) {
      unreadable(name, error);
    }
  }
  for (const name of names.setAside) {
    try {
      const lines = await countSetAside(path.join(folder, name));
      const why = name.endsWith(REFUSED_SUFFIX)
        ? "charges that the store refused"
        : "lines that cannot be read";
      if (lines !== null) faults.push(`spool file ${name}: ${lines} ${why} were set aside`);
    } catch (error) {
      unreadable(name, error);
    }
  }
  const totalNano = [...waiting.values()].reduce((sum, nano) => sum + nano, 0n);
  return { charges: waiting.size, totalNano, faults };
}
