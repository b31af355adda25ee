import type { ComponentChildren } from "preact";
import { FormDialog } from "./form-dialog.tsx";
import { useForm } from "./use-form.ts";

interface ConfirmDialogProps {
  readonly title: string;
  /** What the button does, as a verb. */
  readonly verb: string;
  readonly tone?: "primary" | "danger";
  readonly act: () => Promise<void>;
  readonly close: () => void;
  /** What will happen, in numbers. */
  readonly children: ComponentChildren;
}

/** Asks once. Closes when it is done; stays, with the reason, when it failed. */
export function ConfirmDialog({ title, verb, tone = "danger", act, close, children }: ConfirmDialogProps) {
  const form = useForm({}, async () => {
    await act();
    close();
  });
  return (
    <FormDialog title={title} form={form} submitLabel={verb} close={close} tone={tone}>
      {children}
    </FormDialog>
  );
}
