/** What the load calls, and with whose key; its customers are `<prefix>0`, `<prefix>1` … in turn. */
export interface Target {
  readonly origin: string;
  readonly key: string;
  readonly prefix: string;
}

export const CUSTOMERS = 200;
