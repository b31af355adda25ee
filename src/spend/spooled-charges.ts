import { errorFields, type Log } from "../lib/log.ts";
import type { Charge } from "./charge.ts";
import type { Spool } from "./spool.ts";

/** What has to be known of a charge that waits. */
export type SpooledCharge = Pick<Charge, "requestId" | "customerId" | "costNano" | "model" | "occurredAt">;

export interface SpooledChargesDeps {
  readonly spool: Pick<Spool, "list" | "read" | "countSetAside">;
  readonly spooled: (charges: readonly SpooledCharge[]) => void;
  readonly unspooled: (charges: readonly SpooledCharge[]) => void;
  readonly log: Log;
}

/** A file of the folder as it was found; it never changes. */
interface KnownFile {
  readonly charges: readonly SpooledCharge[];
  /** Lines that a person has to look at. */
  readonly setAside: number;
  readonly readable: boolean;
}

/**
 * What waits on the disk: written by this process, by those before it, and by others that share the folder. Each
 * file is read once, and told when it has come and when it has gone.
 */
export class SpooledCharges {
  readonly #deps: SpooledChargesDeps;
  readonly #files = new Map<string, KnownFile>();

  constructor(deps: SpooledChargesDeps) {
    this.#deps = deps;
  }

  get charges(): number {
    return this.#sum(({ charges }) => charges.length);
  }

  get setAside(): number {
    return this.#sum(({ setAside }) => setAside);
  }

  isUnreadable(name: string): boolean {
    return this.#files.get(name)?.readable === false;
  }

  add(name: string, charges: readonly Charge[], unread = 0): void {
    const kept = charges.map(({ requestId, customerId, costNano, model, occurredAt }) => ({
      requestId,
      customerId,
      costNano,
      model,
      occurredAt,
    }));
    this.#files.set(name, { charges: kept, setAside: unread, readable: true });
    this.#deps.spooled(kept);
  }

  remove(name: string): void {
    const known = this.#files.get(name);
    this.#files.delete(name);
    if (known !== undefined && known.charges.length > 0) this.#deps.unspooled(known.charges);
  }

  /** Finds what has changed in the folder. Throws when that cannot be listed. */
  async look(): Promise<void> {
    // What is written from here on is not in the list, and has not gone.
    const before = [...this.#files.keys()];
    const names = await this.#deps.spool.list();
    for (const name of names.waiting) {
      if (this.#files.get(name)?.readable !== true) await this.#lookAt(name);
    }
    for (const name of names.setAside) {
      if (this.#files.get(name)?.readable !== true) await this.#lookAtSetAside(name);
    }
    const found = new Set([...names.waiting, ...names.setAside]);
    for (const name of before) if (!found.has(name)) this.remove(name);
  }

  async #lookAt(name: string): Promise<void> {
    try {
      const content = await this.#deps.spool.read(name);
      // Who has written it meanwhile has told so.
      if (content === null || this.#files.get(name)?.readable === true) return;
      this.add(name, content.charges, content.unread.length);
    } catch (error) {
      this.#tellUnreadable(name, error);
    }
  }

  async #lookAtSetAside(name: string): Promise<void> {
    try {
      const lines = await this.#deps.spool.countSetAside(name);
      if (lines !== null) this.#files.set(name, { charges: [], setAside: lines, readable: true });
    } catch (error) {
      this.#tellUnreadable(name, error);
    }
  }

  /** Once: it is tried again each time. */
  #tellUnreadable(name: string, error: unknown): void {
    if (this.isUnreadable(name)) return;
    this.#files.set(name, { charges: [], setAside: 1, readable: false });
    this.#deps.log.error({ file: name, ...errorFields(error) }, "ledger.spool_file_unreadable");
  }

  #sum(figure: (file: KnownFile) => number): number {
    return [...this.#files.values()].reduce((sum, file) => sum + figure(file), 0);
  }
}
