import { useEffect, useRef, useState } from "preact/hooks";
import { Icon } from "../parts/icon.tsx";
import type { FilterState } from "../routing/use-place.ts";

const PAUSE_MS = 200;

interface SearchBoxProps {
  readonly filters: FilterState;
  readonly name: string;
  readonly label: string;
}

/** Filters as one types. The address follows, without an entry in the history for each letter. */
export function SearchBox({ filters, name, label }: SearchBoxProps) {
  const current = filters.get(name) ?? "";
  const [typed, setTyped] = useState(current);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const stop = (): void => {
    if (timer.current !== null) clearTimeout(timer.current);
    timer.current = null;
  };
  // The back button moves the address, and what is typed with it; but not under someone's fingers.
  useEffect(() => {
    if (timer.current === null) setTyped(current);
  }, [current]);
  useEffect(() => stop, []);
  const type = (text: string): void => {
    setTyped(text);
    stop();
    timer.current = setTimeout(() => {
      timer.current = null;
      filters.set({ [name]: text, cursor: null }, { replace: true });
    }, PAUSE_MS);
  };
  return (
    <label class="search">
      <span class="visually-hidden">{label}</span>
      <Icon name="search" />
      <input
        type="search"
        value={typed}
        placeholder={label}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => type(event.currentTarget.value)}
      />
    </label>
  );
}
