import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import type { Form, FormValues } from "./use-form.ts";

interface FieldFrameProps {
  readonly id: string;
  readonly label: string;
  readonly hint: ComponentChildren;
  readonly error: string | null;
  readonly children: ComponentChildren;
}

/** A label, its control, a hint, and the server's message when the value is wrong. */
function FieldFrame({ id, label, hint, error, children }: FieldFrameProps) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children}
      {error !== null && (
        <p class="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
      {hint !== undefined && (
        <p class="field-hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

function described(id: string, error: string | null, hint: ComponentChildren): string | undefined {
  const ids = [error !== null && `${id}-error`, hint !== undefined && `${id}-hint`].filter(Boolean);
  return ids.length === 0 ? undefined : ids.join(" ");
}

interface FieldProps<V extends FormValues> {
  readonly form: Form<V>;
  readonly name: keyof V & string;
  readonly label: string;
  readonly hint?: ComponentChildren;
}

interface TextFieldProps<V extends FormValues> extends FieldProps<V> {
  readonly type?: "text" | "password" | "date" | "datetime-local" | "url";
  readonly inputMode?: "decimal" | "numeric";
  readonly prefix?: string;
  readonly placeholder?: string;
  readonly required?: boolean;
  readonly readOnly?: boolean;
  readonly autoFocus?: boolean;
  readonly autoComplete?: string;
}

/** Preact's types tie each kind of input to the roles it may have; none is given here. */
function kindOf(type: NonNullable<TextFieldProps<FormValues>["type"]>): { type: "text" } {
  return { type } as { type: "text" };
}

export function TextField<V extends FormValues>(props: TextFieldProps<V>) {
  const { form, name, label, hint, prefix, type = "text", autoFocus = false, ...rest } = props;
  const id = useId();
  const error = form.errorOf(name);
  return (
    <FieldFrame id={id} label={label} hint={hint} error={error}>
      <div class={prefix === undefined ? "control" : "control control-prefixed"}>
        {prefix !== undefined && <span class="control-prefix">{prefix}</span>}
        <input
          id={id}
          name={name}
          {...kindOf(type)}
          value={form.values[name] ?? ""}
          onInput={(event) => form.set(name, event.currentTarget.value)}
          aria-invalid={error !== null}
          aria-describedby={described(id, error, hint)}
          data-autofocus={autoFocus || undefined}
          autocomplete="off"
          spellcheck={false}
          {...rest}
        />
      </div>
    </FieldFrame>
  );
}

export interface Choice {
  readonly value: string;
  readonly label: string;
}

interface SelectFieldProps<V extends FormValues> extends FieldProps<V> {
  readonly choices: readonly Choice[];
  readonly autoFocus?: boolean;
}

export function SelectField<V extends FormValues>(props: SelectFieldProps<V>) {
  const { form, name, label, hint, choices, autoFocus = false } = props;
  const id = useId();
  const error = form.errorOf(name);
  return (
    <FieldFrame id={id} label={label} hint={hint} error={error}>
      <select
        id={id}
        name={name}
        value={form.values[name] ?? ""}
        onChange={(event) => form.set(name, event.currentTarget.value)}
        aria-invalid={error !== null}
        aria-describedby={described(id, error, hint)}
        data-autofocus={autoFocus || undefined}
      >
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
    </FieldFrame>
  );
}
