import type { ComponentChildren } from "preact";
import { Dialog } from "./dialog.tsx";
import type { Form, FormValues } from "./use-form.ts";

interface FormDialogProps<V extends FormValues> {
  readonly title: string;
  readonly form: Form<V>;
  readonly submitLabel: string;
  readonly close: () => void;
  readonly kind?: "modal" | "wide";
  readonly tone?: "primary" | "danger";
  readonly children: ComponentChildren;
}

/** A form in a dialog: Enter submits, Esc leaves. */
export function FormDialog<V extends FormValues>(props: FormDialogProps<V>) {
  const { title, form, submitLabel, close, kind = "modal", tone = "primary", children } = props;
  return (
    <Dialog title={title} close={close} kind={kind}>
      <form ref={form.element} class="dialog-form" onSubmit={form.submit} noValidate>
        <div class="dialog-body">{children}</div>
        <div class="dialog-problem" role="alert">
          {form.problem !== null && <p class="problem">{form.problem}</p>}
        </div>
        <footer class="dialog-footer">
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class={`button button-${tone}`} aria-disabled={form.busy}>
            {submitLabel}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
