import { useState } from "preact/hooks";
import { CopyButton } from "../parts/copy-button.tsx";

/** The exact text that was signed; or the same with line breaks, which no signature fits. */
export function EventText({ body }: { body: string | null }) {
  const [isExact, setIsExact] = useState(false);
  if (body === null) return <p class="muted">The event itself is no longer kept.</p>;
  return (
    <>
      <div class="panel-heading">
        <h3>Body</h3>
        <button
          type="button"
          class="button button-quiet"
          aria-pressed={isExact}
          onClick={() => setIsExact(!isExact)}
        >
          Exact bytes
        </button>
        <CopyButton text={body} label="Copy the body" />
      </div>
      <pre class={isExact ? "code code-wrap" : "code"} tabIndex={0} role="region" aria-label="Body">
        <code>{isExact ? body : indented(body)}</code>
      </pre>
    </>
  );
}

/** With line breaks, for reading. */
function indented(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch {
    // Not JSON: then there is nothing to break into lines.
    return body;
  }
}
