import { errorFields, type Log } from "../lib/log.ts";
import type { Charge } from "./charge.ts";
import type { Spool } from "./spool.ts";
import { WAITING_SUFFIX } from "./spool-files.ts";

/** What has to be known of a charge that waits. */
export type SpooledCharge = Pick<Charge, "requestId" | "customerId" | "costNano" | "model" | "occurredAt">;

export interface SpooledChargesDeps {
  readonly spool: Pick<Spool, "visit" | "read" | "countSetAside">;
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
  /** The number of the last look that found it, or during which it came. */
  seenAt: number;
}

/**
 * What waits on the disk: written by this process, by those before it, and by others that share the folder. Each
 * file is read once, and told when it has come and when it has gone.
 */
export class SpooledCharges {
  readonly #deps: SpooledChargesDeps;
  readonly #files = new Map<string, KnownFile>();
  #looks = 0;
  #charges = 0;
  #setAside = 0;

  constructor(deps: SpooledChargesDeps) {
    this.#deps = deps;
  }

  get charges(): number {
    return this.#charges;
  }

  get setAside(): number {
    return this.#setAside;
  }

  /** Files whose charges can be put into the store, those that are known the longest first. */
  get readable(): string[] {
    return [...this.#files].flatMap(([name, file]) =>
      file.readable && name.endsWith(WAITING_SUFFIX) ? [name] : [],
    );
  }

  add(name: string, charges: readonly Charge[], unread = 0): void {
    const kept = charges.map(({ requestId, customerId, costNano, model, occurredAt }) => ({
      requestId,
      customerId,
      costNano,
      model,
      occurredAt,
    }));
    this.#know(name, { charges: kept, setAside: unread, readable: true });
    this.#deps.spooled(kept);
  }

  remove(name: string): void {
    const known = this.#files.get(name);
    this.#forget(name);
    if (known !== undefined && known.charges.length > 0) this.#deps.unspooled(known.charges);
  }

  /**
   * Finds what has changed in the folder, however much is in it: others have their turn in between. Throws when it
   * cannot be listed.
   */
  async look(): Promise<void> {
    const look = ++this.#looks;
    const waiting: string[] = [];
    const setAside: string[] = [];
    await this.#deps.spool.visit((name, kind) => {
      const known = this.#files.get(name);
      if (known !== undefined) known.seenAt = this.#looks;
      if (known?.readable !== true) (kind === "waiting" ? waiting : setAside).push(name);
    });
    for (const name of waiting.sort()) await this.#lookAt(name);
    for (const name of setAside) await this.#lookAtSetAside(name);
    // What has come since this look began may not have been in the list, and has not gone.
    for (const [name, { seenAt }] of this.#files) if (seenAt < look) this.remove(name);
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
      if (lines !== null) this.#know(name, { charges: [], setAside: lines, readable: true });
    } catch (error) {
      this.#tellUnreadable(name, error);
    }
  }

  /** Once: it is tried again each time. */
  #tellUnreadable(name: string, error: unknown): void {
    if (this.#files.get(name)?.readable === false) return;
    this.#know(name, { charges: [], setAside: 1, readable: false });
    this.#deps.log.error({ file: name, ...errorFields(error) }, "ledger.spool_file_unreadable");
  }

  #know(name: string, file: Omit<KnownFile, "seenAt">): void {
    this.#forget(name);
    this.#files.set(name, { ...file, seenAt: this.#looks });
    this.#charges += file.charges.length;
    this.#setAside += file.setAside;
  }

  #forget(name: string): void {
    const known = this.#files.get(name);
    if (known === undefined) return;
    this.#files.delete(name);
    this.#charges -= known.charges.length;
    this.#setAside -= known.setAside;
  }
}
