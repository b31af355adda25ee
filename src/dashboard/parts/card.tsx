import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface CardProps {
  readonly title: string;
  readonly aside?: ComponentChildren;
  /** Tables go to the card's edge. */
  readonly flush?: boolean;
  readonly children: ComponentChildren;
}

export function Card({ title, aside, flush = false, children }: CardProps) {
  const id = useId();
  return (
    <section class="card" aria-labelledby={id}>
      <header class="card-header">
        <h2 id={id}>{title}</h2>
        {aside !== undefined && <div class="card-aside">{aside}</div>}
      </header>
      <div class={flush ? "card-body card-body-flush" : "card-body"}>{children}</div>
    </section>
  );
}
