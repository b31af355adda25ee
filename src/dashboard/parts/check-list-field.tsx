import { useId } from "preact/hooks";
import type { Form, FormValues } from "./use-form.ts";

interface CheckListFieldProps<V extends FormValues> {
  readonly form: Form<V>;
  readonly name: keyof V & string;
  readonly label: string;
  readonly hint?: string;
  readonly choices: readonly string[];
}

/** Several of a list; the value is their names with commas between. */
export function CheckListField<V extends FormValues>(props: CheckListFieldProps<V>) {
  const { form, name, label, hint, choices } = props;
  const id = useId();
  const chosen = new Set((form.values[name] ?? "").split(",").filter((part) => part !== ""));
  const toggle = (choice: string): void => {
    const next = choices.filter((one) => (one === choice ? !chosen.has(one) : chosen.has(one)));
    form.set(name, next.join(","));
  };
  const error = form.errorOf(name);
  return (
    <fieldset class="field" aria-describedby={error === null ? undefined : `${id}-error`}>
      <legend>{label}</legend>
      <div class="check-list">
        {choices.map((choice) => (
          <label key={choice} class="check">
            <input type="checkbox" checked={chosen.has(choice)} onChange={() => toggle(choice)} />
            {choice}
          </label>
        ))}
      </div>
      {error !== null && (
        <p class="field-error" id={`${id}-error`}>
          {error}
        </p>
      )}
      {hint !== undefined && <p class="field-hint">{hint}</p>}
    </fieldset>
  );
}
