/** What the load calls, and with whose key; its customers are `<prefix>0`, `<prefix>1` … in turn. */
export interface Target {
  readonly origin: string;
  readonly key: string;
  readonly prefix: string;
  /** These instead, in turn. */
  readonly users?: readonly string[];
}

export const CUSTOMERS = 200;
