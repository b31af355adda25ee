export interface ProgressOptions {
  readonly name: string;
  readonly write: (text: string) => void;
  /** A bar that is drawn over itself; otherwise a plain line now and then. */
  readonly isTty: boolean;
  readonly nowMs: () => number;
}

const REDRAW_MS = 100;
const LINE_MS = 5000;
const WIDTH = 30;

/** Shows how far a long piece of work is: to be called as often as anything is done. */
export function createProgress(options: ProgressOptions): (done: number, total: number) => void {
  const { name, write, isTty, nowMs } = options;
  let shownAtMs = isTty ? Number.NEGATIVE_INFINITY : nowMs();
  return (done, total) => {
    const last = done >= total;
    const due = nowMs() - shownAtMs >= (isTty ? REDRAW_MS : LINE_MS);
    if (total === 0 || (!due && !(last && isTty))) return;
    shownAtMs = nowMs();
    if (!isTty) {
      write(`${name}: ${done} of ${total}\n`);
      return;
    }
    const filled = Math.floor((done / total) * WIDTH);
    const bar = "#".repeat(filled) + ".".repeat(WIDTH - filled);
    write(`\r${name} [${bar}] ${done} of ${total}${last ? "\n" : ""}`);
  };
}
