import { write, writeSync } from "node:fs";

/** What waits to be written; lines beyond it are dropped, as a log must never hold up a call. */
const MOST_WAITING_BYTES = 8 * 1024 * 1024;
const RETRY_MS = 100;
const STDOUT = 1;
/** pino's number of the level. */
const WARN = 40;

/** A place for log lines that never fails and never blocks. */
export interface LogOutput {
  write(line: string): void;
  /** Writes what waits, once, at the end of the process. */
  flush(): void;
}

/**
 * Writes lines to a file descriptor, as many at once as have come while the last were written. Lines that cannot be
 * written (a full disk, a closed pipe) are dropped and counted, and told of with the next that can. A pipe that is full is
 * tried again.
 */
export function createLogOutput(fd: number = STDOUT): LogOutput {
  let waiting = "";
  let dropped = 0;
  let isWriting = false;

  /** All that waits, and how many lines it tells of: those in it, and those that were dropped before. */
  const take = (): { bytes: Buffer; told: number; lines: number } => {
    const told = dropped;
    const lines = waiting.split("\n").length - 1;
    const fields = { level: WARN, lines: told, msg: "log.lines_dropped" };
    const bytes = Buffer.from(told === 0 ? waiting : `${JSON.stringify(fields)}\n${waiting}`);
    waiting = "";
    return { bytes, told, lines };
  };
  const next = (): void => {
    if (isWriting || waiting === "") return;
    isWriting = true;
    send(take(), 0);
  };
  const send = (batch: ReturnType<typeof take>, from: number): void => {
    const { bytes } = batch;
    write(fd, bytes, from, bytes.length - from, null, (error, written) => {
      if (error?.code === "EAGAIN") {
        setTimeout(() => send(batch, from), RETRY_MS).unref();
        return;
      }
      if (error === null && from + written < bytes.length) {
        send(batch, from + written);
        return;
      }
      dropped += error === null ? -batch.told : batch.lines;
      isWriting = false;
      next();
    });
  };
  return {
    write: (line) => {
      if (waiting.length >= MOST_WAITING_BYTES) dropped++;
      else waiting += line;
      next();
    },
    flush: () => {
      try {
        const { bytes } = take();
        if (bytes.length > 0) writeSync(fd, bytes);
      } catch {
        // There is nowhere left to say so.
      }
    },
  };
}
