import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";

interface PageHeaderProps {
  readonly title: string;
  /** In the browser's tab, when it says more than the title. */
  readonly documentTitle?: string;
  readonly note?: ComponentChildren;
  readonly children?: ComponentChildren;
}

/** The page's heading and what can be done on it. */
export function PageHeader({ title, documentTitle = title, note, children }: PageHeaderProps) {
  useEffect(() => {
    document.title = `${documentTitle} · Spendhook`;
  }, [documentTitle]);
  return (
    <header class="page-header">
      <div class="page-title">
        <h1 tabIndex={-1}>{title}</h1>
        {note}
      </div>
      {children !== undefined && <div class="page-actions">{children}</div>}
    </header>
  );
}
