import { setTimeout as delay } from "node:timers/promises";
import { errorFields, type Log } from "./log.ts";

const RETRY_MS = 1000;

export interface RepeatOptions {
  /** What is done, for the log. */
  readonly name: string;
  readonly intervalMs: number;
  readonly log: Log;
}

/**
 * Runs the work every `intervalMs`, counted from the end of the last run, so that runs never overlap. After a
 * run that throws the next one tries again; the first failure of a row of them is logged, and its end. Returns
 * a function that stops and waits for the run in hand.
 */
export function repeat(
  { name, intervalMs, log }: RepeatOptions,
  work: () => Promise<unknown>,
): () => Promise<void> {
  let stopped = false;
  let failing = false;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const run = async (): Promise<void> => {
    try {
      await work();
      if (failing) log.info({ work: name }, "repeat.recovered");
      failing = false;
    } catch (error) {
      if (!failing) log.warn({ work: name, ...errorFields(error) }, "repeat.failed");
      failing = true;
    }
    if (!stopped) schedule();
  };
  const schedule = (): void => {
    timer = setTimeout(() => {
      running = run();
    }, intervalMs);
  };
  schedule();
  return async () => {
    stopped = true;
    clearTimeout(timer);
    await running;
  };
}

/**
 * Tries the work until it succeeds once; each reason for a failure is logged the first time. Returns a stop function,
 * which waits for the try in hand.
 */
export function untilDone(work: () => Promise<void>, log: Log): () => Promise<void> {
  const stopping = new AbortController();
  const run = async (): Promise<void> => {
    const known = new Set<string>();
    while (!stopping.signal.aborted) {
      try {
        return await work();
      } catch (error) {
        const reason = String(error);
        if (!known.has(reason) && !stopping.signal.aborted) log.warn(errorFields(error), "start.waiting");
        known.add(reason);
        // Rejects at once when told to stop; the loop then sees it.
        await delay(RETRY_MS, undefined, { signal: stopping.signal }).catch(() => {});
      }
    }
  };
  const running = run();
  return async () => {
    stopping.abort();
    await running;
  };
}
