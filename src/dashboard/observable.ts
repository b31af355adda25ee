/** A value that tells its listeners when it was set. */
export interface Observable<T> {
  readonly get: () => T;
  readonly set: (value: T) => void;
  /** Returns how to stop listening. */
  readonly listen: (listener: () => void) => () => void;
}

export function observable<T>(initial: T): Observable<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set: (next) => {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of listeners) listener();
    },
    listen: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
