import { useEffect, useRef } from "preact/hooks";
import { useAction } from "../parts/use-action.ts";
import { useServices } from "../services.ts";
import { SignInForm } from "./sign-in-form.tsx";

/** Lies over the page, which stays as it is: what was typed is still there after signing in. */
export function ExpiredDialog() {
  const { session } = useServices();
  const element = useRef<HTMLDialogElement>(null);
  const leave = useAction(() => session.signOut());
  useEffect(() => {
    // Someone may have signed in in another tab meanwhile.
    const look = (): void => void session.resume();
    window.addEventListener("focus", look);
    return () => window.removeEventListener("focus", look);
  }, [session]);
  useEffect(() => {
    const dialog = element.current;
    const before = document.activeElement;
    dialog?.showModal();
    dialog?.querySelector<HTMLElement>("[data-autofocus]")?.focus();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      class="dialog dialog-modal"
      aria-labelledby="expired-title"
      onCancel={(event) => event.preventDefault()}
      // Esc twice closes a dialog whatever its page says.
      onClose={() => element.current?.showModal()}
    >
      <header class="dialog-header">
        <h2 id="expired-title">Your session has ended</h2>
      </header>
      <div class="dialog-body">
        <SignInForm note="Sign in to go on where you were. Nothing you typed is lost." />
        <button type="button" class="button button-quiet" onClick={leave.run}>
          Leave instead
        </button>
      </div>
    </dialog>
  );
}
