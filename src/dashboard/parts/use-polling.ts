import { useEffect } from "preact/hooks";

/** Calls it again and again while the page is looked at: for figures that move without a message. */
export function usePolling(reload: () => void, everyMs: number): void {
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) reload();
    }, everyMs);
    return () => clearInterval(timer);
  }, [reload, everyMs]);
}
