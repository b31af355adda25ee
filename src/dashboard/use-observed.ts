import { useEffect, useState } from "preact/hooks";
import type { Observable } from "./observable.ts";

/** The current value; renders again when it is set. */
export function useObserved<T>(source: Pick<Observable<T>, "get" | "listen">): T {
  const [value, setValue] = useState(source.get);
  useEffect(() => {
    // It may have been set between rendering and now.
    setValue(source.get);
    return source.listen(() => setValue(source.get));
  }, [source]);
  return value;
}
