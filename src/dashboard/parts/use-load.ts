import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { oneAtATime, type Question } from "./one-at-a-time.ts";

/** Something asked of the server. While it is asked again, what was known before stays. */
export interface Loaded<T> {
  readonly data: T | null;
  readonly error: Error | null;
  readonly loading: boolean;
  readonly reload: () => void;
}

interface Answer<T> {
  readonly key: string;
  readonly data: T | null;
  readonly error: Error | null;
}

/**
 * Loads now, whenever `key` changes, and on `reload`. Another key gives up what is under way; a reload
 * meanwhile waits for it, so that a slow answer is shown. With another key the old data stays on show until
 * the new arrives, unless `forget` is set.
 */
export function useLoad<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  { forget = false }: { forget?: boolean } = {},
): Loaded<T> {
  const [answer, setAnswer] = useState<Answer<T> | null>(null);
  const [busy, setBusy] = useState(true);
  const latest = useRef(load);
  latest.current = load;
  const question = useRef<Question | null>(null);

  useEffect(() => {
    const settle = (data: T | null, error: Error | null, more: boolean): void => {
      setAnswer((before) => ({ key, error, data: data ?? (before?.key === key ? before.data : null) }));
      setBusy(more);
    };
    setBusy(true);
    const asked = oneAtATime<T>({
      ask: (signal) => latest.current(signal),
      answered: (data, more) => settle(data, null, more),
      failed: (error, more) => settle(null, error, more),
      nowMs: () => performance.now(),
    });
    question.current = asked;
    return () => asked.stop();
  }, [key]);

  const reload = useCallback(() => {
    setBusy(true);
    question.current?.again();
  }, []);
  const isOther = answer !== null && answer.key !== key;
  return {
    data: forget && isOther ? null : (answer?.data ?? null),
    error: isOther ? null : (answer?.error ?? null),
    loading: busy || isOther,
    reload,
  };
}
