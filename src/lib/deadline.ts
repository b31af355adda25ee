/** Thrown by `withDeadline` when the time is over. */
export class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

/** Turns of the event loop in which an answer that has arrived is seen before the time is over. */
const TURNS = 4;

/**
 * The work's own result, or DeadlineError after `timeoutMs`. The work is not stopped: it must be safe to
 * let it finish unseen. Time in which this process itself was too busy to look does not count: the answer may
 * have been there.
 */
export async function withDeadline<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    const wait = (turns: number): void => {
      timer = setTimeout(() => {
        if (turns > 1) wait(turns - 1);
        else reject(new DeadlineError(`Not done within ${timeoutMs} ms`));
      }, timeoutMs / TURNS);
    };
    wait(TURNS);
  });
  try {
    return await Promise.race([work, expired]);
  } finally {
    clearTimeout(timer);
    // Whoever stopped waiting does not want its late failure as an unhandled rejection.
    work.catch(() => {});
  }
}
