import { useEffect, useRef, useState } from "preact/hooks";
import { useObserved } from "../use-observed.ts";
import { useServices } from "../services.ts";

const BACK_SHOWN_MS = 4000;
const LABELS = { off: "Not live", live: "Live", lost: "Connection lost" } as const;

/** A dot in the frame, and a bar over the page while the connection is lost and when it is back. */
export function LiveStatus() {
  const { live } = useServices();
  const state = useObserved(live.state);
  const before = useRef(state);
  const [isBack, setIsBack] = useState(false);
  useEffect(() => {
    const wasLost = before.current === "lost";
    before.current = state;
    if (state !== "live" || !wasLost) return undefined;
    setIsBack(true);
    const timer = setTimeout(() => setIsBack(false), BACK_SHOWN_MS);
    return () => {
      clearTimeout(timer);
      setIsBack(false);
    };
  }, [state]);
  return (
    <>
      <span class={`live live-${state}`}>
        <span class="live-dot" />
        {LABELS[state]}
      </span>
      <div class="live-bar" role="status">
        {state === "lost" && (
          <p class="live-notice live-notice-lost">
            The connection to Spendhook is lost. Figures on this page may be old; trying again.
          </p>
        )}
        {state === "live" && isBack && (
          <p class="live-notice live-notice-back">Connected again, everything is up to date.</p>
        )}
      </div>
    </>
  );
}
