import { type Observable, observable } from "../observable.ts";

/** Where the reader is: the page below /ui/ and its filters. */
export interface Place {
  readonly page: string;
  readonly query: URLSearchParams;
}

export interface Router {
  readonly place: Pick<Observable<Place>, "get" | "listen">;
  /** A new entry in the history, unless it replaces the current one. */
  readonly go: (address: string, how?: { replace: boolean }) => void;
}

export type Filters = Readonly<Record<string, string | null>>;

const BASE = "/ui/";

/** The address of a page; filters without a value are left out. */
export function address(page: string, filters: Filters = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filters)) {
    if (value !== null && value !== "") query.set(name, value);
  }
  const text = query.toString();
  return `${BASE}${page}${text === "" ? "" : `?${text}`}`;
}

/** The page is a function of the address bar: deep links, reloads and the back button need nothing more. */
export function createRouter(window: Window): Router {
  const read = (): Place => {
    const { pathname, search } = window.location;
    return {
      page: pathname.startsWith(BASE) ? pathname.slice(BASE.length).replace(/\/$/, "") : "",
      query: new URLSearchParams(search),
    };
  };
  const place = observable(read());
  window.addEventListener("popstate", () => place.set(read()));
  return {
    place,
    go: (to, how) => {
      if (how?.replace) window.history.replaceState(null, "", to);
      else window.history.pushState(null, "", to);
      place.set(read());
    },
  };
}
