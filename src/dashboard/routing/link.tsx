import type { ComponentChildren } from "preact";
import { useServices } from "../services.ts";

interface LinkProps {
  readonly to: string;
  readonly class?: string;
  readonly current?: boolean;
  readonly title?: string | undefined;
  readonly label?: string;
  readonly children: ComponentChildren;
}

/** A link within the dashboard. With a modifier key the browser does as always. */
export function Link({ to, current = false, label, children, ...rest }: LinkProps) {
  const { router } = useServices();
  const follow = (event: MouseEvent): void => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    router.go(to);
  };
  return (
    <a href={to} onClick={follow} aria-label={label} aria-current={current ? "page" : undefined} {...rest}>
      {children}
    </a>
  );
}
