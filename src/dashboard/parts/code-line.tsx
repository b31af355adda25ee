import { CopyButton } from "./copy-button.tsx";

/** A command or text to copy, scrolled within its own box. */
export function CodeLine({ code, label }: { code: string; label: string }) {
  return (
    <div class="code-line">
      {/* Scrolls, so the keyboard must reach it. */}
      <pre tabIndex={0} role="region" aria-label={label.replace(/^Copy (?:the )?/, "")}>
        <code>{code}</code>
      </pre>
      <CopyButton text={code} label={label} />
    </div>
  );
}
