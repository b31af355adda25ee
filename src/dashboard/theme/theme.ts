import { type Observable, observable } from "../observable.ts";

export type ThemeName = "light" | "dark";

export interface Theme {
  /** The one in force. */
  readonly current: Pick<Observable<ThemeName>, "get" | "listen">;
  readonly toggle: () => void;
}

const KEY = "spendhook-theme";

/** The system's theme until the reader has chosen one, which this browser then keeps. */
export function createTheme(window: Window): Theme {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  let chosen = stored(window);
  const inForce = (): ThemeName => chosen ?? (dark.matches ? "dark" : "light");
  const current = observable(inForce());
  const apply = (): void => {
    const { dataset } = window.document.documentElement;
    if (chosen === null) delete dataset["theme"];
    else dataset["theme"] = chosen;
    current.set(inForce());
  };
  dark.addEventListener("change", apply);
  window.addEventListener("storage", () => {
    chosen = stored(window);
    apply();
  });
  apply();
  return {
    current,
    toggle: () => {
      chosen = current.get() === "dark" ? "light" : "dark";
      store(window, chosen);
      apply();
    },
  };
}

function stored(window: Window): ThemeName | null {
  try {
    const name = window.localStorage.getItem(KEY);
    return name === "light" || name === "dark" ? name : null;
  } catch {
    // Storage may be forbidden; then the system's theme stands.
    return null;
  }
}

function store(window: Window, name: ThemeName): void {
  try {
    window.localStorage.setItem(KEY, name);
  } catch {
    // Forbidden or full: the choice lasts as long as the page.
  }
}
