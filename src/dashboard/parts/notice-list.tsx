import { useEffect, useState } from "preact/hooks";
import { useObserved } from "../use-observed.ts";
import { useServices } from "../services.ts";
import { Icon } from "./icon.tsx";
import type { Notice } from "./notices.ts";

const SHOWN_MS = 12_000;

/** What has just happened, read out by screen readers; stays while it is pointed at or focused. */
export function NoticeList() {
  const { notices } = useServices();
  const list = useObserved(notices.list);
  return (
    <div class="notices" role="status" aria-live="polite">
      {list.map((notice) => (
        <NoticeCard key={notice.id} notice={notice} dismiss={() => notices.dismiss(notice.id)} />
      ))}
    </div>
  );
}

function NoticeCard({ notice, dismiss }: { notice: Notice; dismiss: () => void }) {
  const [held, setHeld] = useState(false);
  useEffect(() => {
    if (held) return undefined;
    const timer = setTimeout(dismiss, SHOWN_MS);
    return () => clearTimeout(timer);
  }, [held, dismiss]);
  const { undo } = notice;
  return (
    <div
      class={`notice notice-${notice.tone}`}
      onMouseEnter={() => setHeld(true)}
      onMouseLeave={() => setHeld(false)}
      onFocusCapture={() => setHeld(true)}
      onBlurCapture={() => setHeld(false)}
    >
      <Icon name={notice.tone === "done" ? "check" : "alert"} />
      <span>{notice.text}</span>
      {undo !== null && (
        <button
          type="button"
          class="button button-quiet"
          onClick={() => {
            dismiss();
            undo();
          }}
        >
          Undo
        </button>
      )}
      <button type="button" class="icon-button" aria-label="Dismiss" onClick={dismiss}>
        <Icon name="close" />
      </button>
    </div>
  );
}
