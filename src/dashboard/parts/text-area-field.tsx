import { useId } from "preact/hooks";
import type { Form, FormValues } from "./use-form.ts";

interface TextAreaFieldProps<V extends FormValues> {
  readonly form: Form<V>;
  readonly name: keyof V & string;
  readonly label: string;
  readonly hint: string;
  readonly placeholder?: string;
}

/** Several lines. Enter makes a line here, and does not submit. */
export function TextAreaField<V extends FormValues>(props: TextAreaFieldProps<V>) {
  const { form, name, label, hint, placeholder } = props;
  const id = useId();
  const error = form.errorOf(name);
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea
        id={id}
        name={name}
        rows={2}
        value={form.values[name] ?? ""}
        onInput={(event) => form.set(name, event.currentTarget.value)}
        aria-invalid={error !== null}
        aria-describedby={error === null ? `${id}-hint` : `${id}-error ${id}-hint`}
        spellcheck={false}
        placeholder={placeholder}
      />
      {error !== null && (
        <p class="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
      <p class="field-hint" id={`${id}-hint`}>
        {hint}
      </p>
    </div>
  );
}
