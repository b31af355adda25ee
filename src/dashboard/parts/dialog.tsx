import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Icon } from "./icon.tsx";

interface DialogProps {
  readonly title: ComponentChildren;
  readonly close: () => void;
  /** A panel stands at the side and holds more. */
  readonly kind?: "modal" | "wide" | "panel";
  readonly children: ComponentChildren;
}

/**
 * A modal dialog: the rest of the page is inert, Esc closes, and the focus goes back to where it was.
 * What has `data-autofocus` gets the focus at first, otherwise the title.
 */
export function Dialog({ title, close, kind = "modal", children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const isShown = useRef(true);
  const titleId = useId();
  useEffect(() => {
    const dialog = element.current;
    const opener = document.activeElement;
    dialog?.showModal();
    const first = dialog?.querySelector<HTMLElement>("[data-autofocus]");
    (first ?? dialog?.querySelector("h2"))?.focus();
    return () => {
      isShown.current = false;
      dialog?.close();
      returnFocus(opener);
    };
  }, []);
  return (
    <dialog
      ref={element}
      class={`dialog dialog-${kind}`}
      aria-labelledby={titleId}
      onCancel={(event) => {
        // Chromium's own closing would leave the component on show.
        event.preventDefault();
        if (event.target === element.current) close();
      }}
      // Browsers may close a dialog without asking first.
      onClose={(event) => {
        if (isShown.current && event.target === element.current) close();
      }}
    >
      <header class="dialog-header">
        <h2 id={titleId} tabIndex={-1}>
          {title}
        </h2>
        <button type="button" class="icon-button" aria-label="Close" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      {children}
    </dialog>
  );
}

/** What opened the dialog may be gone or disabled: then the page's heading is the place to go on from. */
function returnFocus(opener: Element | null): void {
  if (opener instanceof HTMLElement && opener.isConnected && !opener.matches(":disabled, body"))
    opener.focus();
  else document.querySelector<HTMLElement>("main h1")?.focus();
}
