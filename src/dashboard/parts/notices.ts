import { type Observable, observable } from "../observable.ts";

/** Something that was done or went wrong, told once. */
export interface Notice {
  readonly id: number;
  readonly text: string;
  readonly tone: "done" | "problem";
  /** Takes it back with one click. */
  readonly undo: (() => void) | null;
}

export interface Notices {
  readonly list: Pick<Observable<readonly Notice[]>, "get" | "listen">;
  readonly done: (text: string, undo?: () => void) => void;
  readonly problem: (text: string) => void;
  readonly dismiss: (id: number) => void;
}

const MOST = 4;

export function createNotices(): Notices {
  const list = observable<readonly Notice[]>([]);
  let last = 0;
  const add = (notice: Omit<Notice, "id">): void => {
    last += 1;
    list.set([...list.get(), { ...notice, id: last }].slice(-MOST));
  };
  return {
    list,
    done: (text, undo) => add({ text, tone: "done", undo: undo ?? null }),
    problem: (text) => add({ text, tone: "problem", undo: null }),
    dismiss: (id) => list.set(list.get().filter((notice) => notice.id !== id)),
  };
}
