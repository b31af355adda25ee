import { useCallback, useRef, useState } from "preact/hooks";
import { useServices } from "../services.ts";

export interface Action {
  readonly busy: boolean;
  /** Runs it, unless it is running; a failure is told as a notice. */
  readonly run: () => void;
}

/** Something a click does. */
export function useAction(act: () => Promise<void>): Action {
  const { notices } = useServices();
  const [busy, setBusy] = useState(false);
  const latest = useRef(act);
  latest.current = act;
  const running = useRef(false);
  const run = useCallback(() => {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    latest
      .current()
      .catch((error: unknown) => notices.problem(error instanceof Error ? error.message : String(error)))
      .finally(() => {
        running.current = false;
        setBusy(false);
      });
  }, [notices]);
  return { busy, run };
}
