/** Thrown by `withDeadline` when the time is over. */
export class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

/**
 * The work's own result, or DeadlineError after `timeoutMs`. The work is not stopped: it must be safe to
 * let it finish unseen.
 */
export async function withDeadline<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(`Not done within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([work, expired]);
  } finally {
    clearTimeout(timer);
    // Whoever stopped waiting does not want its late failure as an unhandled rejection.
    work.catch(() => {});
  }
}
