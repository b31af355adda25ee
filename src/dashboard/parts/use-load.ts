import { useCallback, useEffect, useRef, useState } from "preact/hooks";

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
 * Loads now, whenever `key` changes, and on `reload`. An answer that arrives after a newer question is
 * dropped. With another key the old data stays on show until the new arrives, unless `forget` is set.
 */
export function useLoad<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  { forget = false }: { forget?: boolean } = {},
): Loaded<T> {
  const [answer, setAnswer] = useState<Answer<T> | null>(null);
  const [round, setRound] = useState(0);
  const [asked, setAsked] = useState("");
  const latest = useRef(load);
  latest.current = load;
  const question = `${round} ${key}`;

  useEffect(() => {
    const aborter = new AbortController();
    const settle = (data: T | null, error: Error | null): void => {
      if (aborter.signal.aborted) return;
      setAnswer((before) => ({ key, error, data: data ?? (before?.key === key ? before.data : null) }));
      setAsked(question);
    };
    latest.current(aborter.signal).then(
      (data) => settle(data, null),
      (error: unknown) => settle(null, error instanceof Error ? error : new Error(String(error))),
    );
    return () => aborter.abort();
  }, [question, key]);

  const reload = useCallback(() => setRound((before) => before + 1), []);
  const isOther = answer !== null && answer.key !== key;
  return {
    data: forget && isOther ? null : (answer?.data ?? null),
    error: isOther ? null : (answer?.error ?? null),
    loading: asked !== question,
    reload,
  };
}
