import type { ComponentChildren } from "preact";
import { CodeLine } from "./code-line.tsx";
import { Icon } from "./icon.tsx";
import type { Loaded } from "./use-load.ts";

/** Nothing here yet, and how to change that. */
export function Empty({
  title,
  curl,
  children,
}: {
  title: string;
  curl?: string;
  children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children !== undefined && <p class="empty-text">{children}</p>}
      {curl !== undefined && <CodeLine code={curl} label="Copy the curl line" />}
    </div>
  );
}

interface FailedProps {
  readonly error: Error;
  readonly retry: () => void;
  /** It is being tried again. */
  readonly busy: boolean;
}

/** It could not be loaded, and why. */
export function Failed({ error, retry, busy }: FailedProps) {
  return (
    <div class="empty" role="alert" aria-busy={busy}>
      <p class="empty-title">This could not be loaded</p>
      <p class="empty-text">{error.message}</p>
      <button type="button" class="button" onClick={retry} aria-disabled={busy}>
        <Icon name="refresh" /> Try again
      </button>
    </div>
  );
}

export function Loading({ lines = 4 }: { lines?: number }) {
  return (
    <div class="loading" role="status">
      <span class="visually-hidden">Loading</span>
      {Array.from({ length: lines }, (_, line) => (
        <div key={line} class="loading-line" />
      ))}
    </div>
  );
}

interface ShowProps<T> {
  readonly of: Loaded<T>;
  readonly lines?: number;
  readonly children: (data: T) => ComponentChildren;
}

/** What was loaded; until then that it is loading, or why it failed last. An error beside old data says so. */
export function Show<T>({ of: loaded, lines, children }: ShowProps<T>) {
  const { data, error, reload, loading } = loaded;
  if (data === null) {
    // Why it failed stays on show while it is tried again: a live page may try for ever.
    return error === null ? (
      <Loading {...(lines !== undefined && { lines })} />
    ) : (
      <Failed error={error} retry={reload} busy={loading} />
    );
  }
  return (
    <div aria-busy={loading}>
      {error !== null && (
        <p class="stale" role="alert">
          <Icon name="alert" /> Not up to date: {error.message}
          <button type="button" class="button button-quiet" onClick={reload}>
            Try again
          </button>
        </p>
      )}
      {children(data)}
    </div>
  );
}
