import { TextField } from "../parts/field.tsx";
import { useForm } from "../parts/use-form.ts";
import { useServices } from "../services.ts";

/** Asks for the operator's key. The key is sent once and kept nowhere in the page. */
export function SignInForm({ note }: { note: string }) {
  const { session } = useServices();
  const form = useForm({ key: "" }, ({ key }) => session.signIn(key));
  return (
    <form ref={form.element} class="sign-in-form" onSubmit={form.submit} noValidate>
      <p class="muted">{note}</p>
      <TextField
        form={form}
        name="key"
        label="Master key"
        type="password"
        autoComplete="current-password"
        autoFocus
      />
      <div role="alert">{form.problem !== null && <p class="problem">{form.problem}</p>}</div>
      <button type="submit" class="button button-primary" aria-disabled={form.busy}>
        Sign in
      </button>
    </form>
  );
}
