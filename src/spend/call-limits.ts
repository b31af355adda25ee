/** One limit of spend that a call must fit under. */
export interface Bucket {
  /** "" is the budget itself, "model:<name>" the limit of one model. */
  readonly name: string;
  readonly maxNano: bigint;
  readonly needNano: bigint;
  readonly fallbackNano: bigint;
  readonly minNano: bigint;
  /** Admitted while anything is left of what is neither spent nor held; what it needs is held whole. */
  readonly soft: boolean;
  /**
   * When the period ends by the terms of this process; null = never. What Redis knows by other terms is read
   * from the store again. Absent = nothing is compared.
   */
  readonly periodEnd?: Date | null;
}

/** Everything that limits one call of a customer. */
export interface CallLimits {
  readonly rpm: number | null;
  readonly tpm: number | null;
  readonly parallel: number | null;
  readonly buckets: readonly Bucket[];
}
