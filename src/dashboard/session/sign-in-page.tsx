import { useEffect, useRef } from "preact/hooks";
import { Brand } from "../shell/brand.tsx";
import { SignInForm } from "./sign-in-form.tsx";

export function SignInPage() {
  const element = useRef<HTMLElement>(null);
  useEffect(() => {
    document.title = "Sign in · Spendhook";
    element.current?.querySelector<HTMLElement>("[data-autofocus]")?.focus();
  }, []);
  return (
    <main class="sign-in" ref={element}>
      <div class="sign-in-card">
        <Brand />
        <h1>Sign in</h1>
        <SignInForm note="With the key that Spendhook was started with, MASTER_KEY." />
      </div>
    </main>
  );
}
