/** Told how a question fares. `busy`: it is being asked once more. */
export interface Asking<T> {
  readonly ask: (signal: AbortSignal) => Promise<T>;
  readonly answered: (answer: T, busy: boolean) => void;
  readonly failed: (error: Error, busy: boolean) => void;
  readonly nowMs: () => number;
}

/** A question that can be asked again. */
export interface Question {
  /** Asks again: at once, or when what is under way has been answered; however often it is called meanwhile, once. */
  readonly again: () => void;
  /** Gives up what is under way; nothing is told any more. */
  readonly stop: () => void;
}

/** The server has given up long before: what is unanswered for this long went over a connection that is dead. */
export const LOST_MS = 60_000;

/**
 * Asks now, and never while it is asked already: an answer that takes longer than the time between two
 * wishes for it is still shown, and the server has one question of this kind at a time.
 */
export function oneAtATime<T>({ ask, answered, failed, nowMs }: Asking<T>): Question {
  let current: { readonly aborter: AbortController; readonly sinceMs: number } | null = null;
  let isWanted = false;
  let isStopped = false;

  const start = (): void => {
    const aborter = new AbortController();
    current = { aborter, sinceMs: nowMs() };
    isWanted = false;
    const settle = (tell: (busy: boolean) => void): void => {
      if (aborter.signal.aborted) return;
      current = null;
      tell(isWanted);
      if (isWanted && !isStopped) start();
    };
    ask(aborter.signal).then(
      (answer) => settle((busy) => answered(answer, busy)),
      (error: unknown) =>
        settle((busy) => failed(error instanceof Error ? error : new Error(String(error)), busy)),
    );
  };

  start();
  return {
    again: () => {
      if (isStopped) return;
      if (current !== null && nowMs() - current.sinceMs < LOST_MS) {
        isWanted = true;
        return;
      }
      current?.aborter.abort();
      start();
    },
    stop: () => {
      isStopped = true;
      current?.aborter.abort();
    },
  };
}
