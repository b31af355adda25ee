import { serveJobs, type Steps } from "../../../src/lib/serve-jobs.ts";

/** Does what a test wants of a thread: counts its steps, throws, never comes back, or ends the thread. */
export type OddJob = { readonly steps: number } | "throw" | "hang" | "exit" | Uint8Array<ArrayBuffer>;

let turns = 0;

serveJobs(
  // The number of steps that the thread had done by then, over all jobs.
  function* (job: OddJob): Steps<number | Uint8Array<ArrayBuffer>> {
    if (job === "throw") throw new Error("a fault in the thread");
    if (job === "exit") process.exit(3);
    if (job === "hang") for (;;);
    if (job instanceof Uint8Array) return job;
    for (let step = 0; step < job.steps; step++) {
      turns++;
      yield;
    }
    return turns;
  },
  (result) => (typeof result === "number" ? [] : [result.buffer]),
);
