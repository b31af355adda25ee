import type { z } from "zod";

/** One route, as it is described to those who call it. */
export interface Operation {
  readonly method: "get" | "post" | "patch" | "delete";
  /** With `{name}` for parameters. */
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
  /** The status of success where it is not 200. */
  readonly status?: number;
  /** What success answers, in a sentence. */
  readonly answers: string;
  /** What the route checks its query and body with. */
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  /** Anyone may call it. */
  readonly open?: boolean;
}
