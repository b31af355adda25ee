import { type ResourceLimits, type Transferable, Worker } from "node:worker_threads";

/** Why a job has no result: too much waits, it took too long, the thread ended under it, or it was closed. */
export type ThreadFault = "full" | "timed_out" | "died" | "closed";

export class ThreadError extends Error {
  override readonly name = "ThreadError";
  readonly fault: ThreadFault;

  constructor(fault: ThreadFault, cause?: unknown) {
    super(`A thread did not do its job: ${fault}`, cause === undefined ? undefined : { cause });
    this.fault = fault;
  }
}

export interface ThreadOptions {
  /** The module that the thread runs: it calls `serveJobs`. */
  readonly module: URL;
  /** The sum of the sizes of all jobs that are not done; a job that would pass it is refused as `full`. */
  readonly maxPending: number;
  readonly resourceLimits: ResourceLimits;
  /** Without a job for so long it is ended, and its memory is free again. */
  readonly idleMs: number;
  /** With jobs but without a sign of life for so long, its start included, it is taken for hanging. */
  readonly hangMs: number;
  /** Told each time the thread ends by itself, with what it died of. */
  readonly died?: (error: unknown) => void;
}

export interface JobOptions {
  /** In whatever unit `maxPending` is. */
  readonly size: number;
  readonly timeoutMs: number;
  readonly transfer?: readonly Transferable[];
}

/** What is sent to the thread. */
export type ToThread<Job> = { readonly id: number; readonly job: Job } | { readonly forget: number };

/** What the thread sends back. */
export interface FromThread<Result> {
  readonly id: number;
  readonly result: Result;
}

interface Pending<Result> {
  readonly size: number;
  readonly timer: NodeJS.Timeout;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: ThreadError) => void;
}

/**
 * One thread for work that would keep the event loop from everybody else. It is started with the first
 * job, ended when it has none for a while, replaced when it dies or hangs, and never keeps a process alive. Each job ends in its result or in
 * a ThreadError: nothing waits for ever.
 */
export class Thread<Job, Result> {
  readonly #options: ThreadOptions;
  readonly #pending = new Map<number, Pending<Result>>();
  #worker: Worker | null = null;
  #idle: NodeJS.Timeout | null = null;
  #nextId = 1;
  #pendingSize = 0;
  /** Since when a sign of life is due; null while there is nothing to say. */
  #silentSince: number | null = null;
  #closed = false;

  constructor(options: ThreadOptions) {
    this.#options = options;
  }

  /** Rejects with a ThreadError. What is in `transfer` is lost with a job that fails. */
  run(job: Job, { size, timeoutMs, transfer = [] }: JobOptions): Promise<Result> {
    if (this.#closed) return Promise.reject(new ThreadError("closed"));
    if (this.#pendingSize > 0 && this.#pendingSize + size > this.#options.maxPending) {
      return Promise.reject(new ThreadError("full"));
    }
    const id = this.#nextId++;
    try {
      const message: ToThread<Job> = { id, job };
      (this.#worker ?? this.#start()).postMessage(message, transfer);
    } catch (error) {
      return Promise.reject(new ThreadError("died", error));
    }
    if (this.#idle !== null) clearTimeout(this.#idle);
    const { promise, resolve, reject } = Promise.withResolvers<Result>();
    const timer = setTimeout(() => this.#giveUp(id), timeoutMs).unref();
    this.#pending.set(id, { size, timer, resolve, reject });
    this.#silentSince ??= performance.now();
    this.#pendingSize += size;
    return promise;
  }

  /** Ends the thread; jobs that are not done are rejected. */
  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    this.#drop("closed");
    await worker?.terminate();
  }

  #start(): Worker {
    const { module, resourceLimits, died } = this.#options;
    // What started this process says nothing about its threads.
    const worker = new Worker(module, { resourceLimits, execArgv: [] });
    worker.on("message", (message: FromThread<Result>) => {
      this.#take(message.id)?.resolve(message.result);
      this.#silentSince = this.#pending.size > 0 ? performance.now() : null;
    });
    const ended = (cause: unknown): void => {
      if (this.#worker !== worker) return;
      died?.(cause);
      this.#drop("died", cause);
    };
    worker.on("error", ended);
    worker.on("exit", (code) => ended(new Error(`The thread ended with code ${code}`)));
    // A listener holds the process: this must come after the last one.
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  #giveUp(id: number): void {
    const job = this.#take(id);
    if (job === undefined) return;
    job.reject(new ThreadError("timed_out"));
    const worker = this.#worker;
    if (this.#silentSince === null || performance.now() - this.#silentSince < this.#options.hangMs) {
      const message: ToThread<Job> = { forget: id };
      worker?.postMessage(message, []);
      return;
    }
    // Nobody else shall wait for it.
    this.#options.died?.(new Error("The thread did not answer"));
    this.#drop("died");
    // It is forgotten already: how it ends changes nothing.
    worker?.terminate().catch(() => {});
  }

  #take(id: number): Pending<Result> | undefined {
    const job = this.#pending.get(id);
    if (job === undefined) return undefined;
    this.#pending.delete(id);
    this.#pendingSize -= job.size;
    clearTimeout(job.timer);
    if (this.#pending.size === 0) this.#rest();
    return job;
  }

  /** Ends the thread unless a job comes in time. */
  #rest(): void {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = setTimeout(() => {
      const worker = this.#worker;
      this.#worker = null;
      this.#silentSince = null;
      // It has nothing to lose: how it ends changes nothing.
      worker?.terminate().catch(() => {});
    }, this.#options.idleMs).unref();
  }

  #drop(fault: ThreadFault, cause?: unknown): void {
    this.#worker = null;
    this.#silentSince = null;
    for (const id of this.#pending.keys()) this.#take(id)?.reject(new ThreadError(fault, cause));
  }
}
