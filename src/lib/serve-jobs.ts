import { parentPort, type Transferable } from "node:worker_threads";
import type { FromThread, ToThread } from "./thread.ts";

/** The work on one job, cut where another job may have its turn. */
export type Steps<Result> = Generator<void, Result, void>;

/**
 * The thread's side of `Thread`: does the jobs that come, a step of each in turn, so that a short one does
 * not wait for a long one's end. What a job throws ends the thread: its owner starts another.
 */
export function serveJobs<Result>(
  start: (job: never) => Steps<Result>,
  transferOf: (result: Result) => Transferable[] = () => [],
): void {
  const port = parentPort;
  if (port === null) throw new Error("This module runs in a thread only");
  const active = new Map<number, Steps<Result>>();

  let isTurnDue = false;
  const turn = (): void => {
    isTurnDue = false;
    for (const [id, steps] of active) {
      const step = steps.next();
      if (step.done !== true) continue;
      active.delete(id);
      const message: FromThread<Result> = { id, result: step.value };
      port.postMessage(message, transferOf(step.value));
    }
    if (active.size > 0) askForTurn();
  };
  const askForTurn = (): void => {
    if (!isTurnDue) setImmediate(turn);
    isTurnDue = true;
  };

  port.on("message", (message: ToThread<never>) => {
    if ("forget" in message) {
      active.delete(message.forget);
      return;
    }
    active.set(message.id, start(message.job));
    askForTurn();
  });
}
