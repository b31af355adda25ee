import type { Pages } from "./use-pages.ts";

/** Asks for the next page of a list that grows. */
export function MoreButton<Row>({ pages, label }: { pages: Pages<Row>; label: string }) {
  if (pages.more === null) return null;
  return (
    <p class="more">
      <button type="button" class="button button-quiet" onClick={pages.more} aria-disabled={pages.loading}>
        {label}
      </button>
    </p>
  );
}
