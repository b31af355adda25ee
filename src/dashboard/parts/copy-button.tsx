import { useEffect, useState } from "preact/hooks";
import { writeClipboard } from "./clipboard.ts";
import { Icon } from "./icon.tsx";

const SAID_MS = 2000;

interface CopyButtonProps {
  readonly text: string;
  /** What is copied: "Copy the id". */
  readonly label: string;
  /** Shows the label beside the picture. */
  readonly wide?: boolean;
}

export function CopyButton({ text, label, wide = false }: CopyButtonProps) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => setCopied(false), SAID_MS);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = (): void => {
    void writeClipboard(text).then(() => setCopied(true));
  };
  return (
    <button
      type="button"
      class={wide ? "button" : "icon-button"}
      aria-label={wide ? undefined : label}
      title={wide ? undefined : label}
      onClick={copy}
    >
      <Icon name={copied ? "check" : "copy"} />
      {wide && (copied ? "Copied" : label)}
      <span class="visually-hidden" role="status">
        {copied ? "Copied" : ""}
      </span>
    </button>
  );
}
