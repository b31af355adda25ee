import { setTimeout as delay } from "node:timers/promises";
import { ConfigError } from "../config/config-error.ts";
import { errorFields, type Log } from "../lib/log.ts";

/** A program that runs. */
export interface Running {
  readonly pid: number;
  /** Resolves with the exit code (null after a signal) when it has ended, for whatever reason. */
  readonly exited: Promise<number | null>;
  /** Asks it to end and resolves when it has; ends it by force when it takes too long. */
  readonly stop: () => Promise<void>;
}

export interface KeepOptions {
  readonly name: string;
  /** Starts it; rejects when it cannot be started, with ConfigError when trying again is no help. */
  readonly start: () => Promise<Running>;
  /** Told once when starting again is no help. */
  readonly onFatal: (reason: string) => void;
  /** Exit codes after which starting again is no help. */
  readonly fatalExitCodes: readonly number[];
  readonly log: Log;
}

const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 10_000;
/** Who has run this long is started again at once. */
const SETTLED_MS = 30_000;

/**
 * Keeps a program running: when it ends by itself it is started again, with a growing pause while it
 * keeps failing. Rejects when the very first start fails. The returned function stops it for good.
 */
export async function keepRunning(options: KeepOptions): Promise<() => Promise<void>> {
  const { name, log } = options;
  const stopping = new AbortController();
  let running = await options.start();

  const watch = async (): Promise<void> => {
    let waitMs = FIRST_WAIT_MS;
    for (;;) {
      const startedAt = performance.now();
      const code = await running.exited;
      if (stopping.signal.aborted) return;
      if (code !== null && options.fatalExitCodes.includes(code)) {
        options.onFatal(`${name} cannot run (exit code ${code})`);
        return;
      }
      if (performance.now() - startedAt > SETTLED_MS) waitMs = FIRST_WAIT_MS;
      log.error(
        { child: name, pid: running.pid, exitCode: code, restartInMs: waitMs },
        "supervisor.child_ended",
      );
      const restarted = await restart(waitMs);
      if (restarted === null) return;
      running = restarted;
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    }
  };

  const restart = async (firstWaitMs: number): Promise<Running | null> => {
    for (let waitMs = firstWaitMs; ; waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS)) {
      // Rejects at once when told to stop.
      await delay(waitMs, undefined, { signal: stopping.signal }).catch(() => {});
      if (stopping.signal.aborted) return null;
      try {
        const started = await options.start();
        log.info({ child: name, pid: started.pid }, "supervisor.child_restarted");
        return started;
      } catch (error) {
        if (error instanceof ConfigError) {
          options.onFatal(error.message);
          return null;
        }
        log.error({ child: name, ...errorFields(error) }, "supervisor.restart_failed");
      }
    }
  };

  const watching = watch();
  return async () => {
    stopping.abort();
    await running.stop();
    await watching;
    // It may have been in the middle of a restart.
    await running.stop();
  };
}
