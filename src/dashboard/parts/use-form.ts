import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { ApiError } from "../api/api-error.ts";

export type FormValues = Readonly<Record<string, string>>;

/** A form whose wrong fields are marked where they are. What was typed stays whatever the server says. */
export interface Form<V extends FormValues> {
  readonly values: V;
  readonly set: (name: keyof V & string, value: string) => void;
  readonly errorOf: (name: string) => string | null;
  /** What is wrong with the whole, or with fields that the form does not show. */
  readonly problem: string | null;
  readonly busy: boolean;
  readonly element: { current: HTMLFormElement | null };
  readonly submit: (event: Event) => void;
}

interface Trouble {
  readonly fields: ReadonlyMap<string, string>;
  readonly problem: string | null;
}

const NONE: Trouble = { fields: new Map(), problem: null };

/** `save` throws ApiError for what is wrong; its messages go to the fields that they name. */
export function useForm<V extends FormValues>(initial: V, save: (values: V) => Promise<void>): Form<V> {
  const [values, setValues] = useState(initial);
  const [trouble, setTrouble] = useState(NONE);
  const [busy, setBusy] = useState(false);
  const element = useRef<HTMLFormElement>(null);

  useLayoutEffect(() => {
    element.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }, [trouble]);

  const submit = (event: Event): void => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setTrouble(NONE);
    save(values)
      .catch((error: unknown) => setTrouble(troubleOf(error, values)))
      .finally(() => setBusy(false));
  };

  return {
    values,
    set: (name, value) => {
      setValues((before) => ({ ...before, [name]: value }));
      if (trouble.fields.has(name)) {
        setTrouble({ ...trouble, fields: new Map([...trouble.fields].filter(([field]) => field !== name)) });
      }
    },
    errorOf: (name) => trouble.fields.get(name) ?? null,
    problem: trouble.problem,
    busy,
    element,
    submit,
  };
}

function troubleOf(error: unknown, values: FormValues): Trouble {
  if (!(error instanceof ApiError)) {
    return { fields: new Map(), problem: error instanceof Error ? error.message : String(error) };
  }
  const shown = [...error.fields].filter(([field]) => field in values);
  const others = [...error.fields].filter(([field]) => !(field in values));
  if (shown.length === 0) return { fields: new Map(), problem: error.message };
  const problem = others.map(([field, text]) => `${field}: ${text}`).join("; ");
  return { fields: new Map(shown), problem: problem === "" ? null : problem };
}
