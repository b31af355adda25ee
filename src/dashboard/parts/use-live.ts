import { useEffect, useRef } from "preact/hooks";
import type { LiveMessage } from "../api/live.ts";
import { useServices } from "../services.ts";

/** Calls the listener with every live message while the component is on show. */
export function useLive(listener: (message: LiveMessage) => void): void {
  const { live } = useServices();
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => live.listen((message) => latest.current(message)), [live]);
}

/**
 * Calls `reload` when a message concerns what is on show: at once for the first, then at most every
 * `everyMs`, and once more after the last.
 */
export function useLiveReload(
  reload: () => void,
  { everyMs, when }: { everyMs: number; when: (message: LiveMessage) => boolean },
): void {
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const again = useRef(false);
  const run = (): void => {
    reload();
    timer.current = setTimeout(() => {
      timer.current = null;
      if (!again.current) return;
      again.current = false;
      run();
    }, everyMs);
  };
  useLive((message) => {
    if (message.name !== "resumed" && !when(message)) return;
    if (timer.current === null) run();
    else again.current = true;
  });
  useEffect(
    () => () => {
      if (timer.current !== null) clearTimeout(timer.current);
    },
    [],
  );
}
