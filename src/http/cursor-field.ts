import { z } from "zod";
import { decodeCursor } from "../lib/cursor.ts";

/** A cursor that says when a page ended and at which id, and for some lists from when on to look again. */
export const timeCursor = z.string().transform((text, context): Position => {
  const position =
    decodeCursor(text, ["integer", "text"]) ?? decodeCursor(text, ["integer", "text", "integer"]);
  const [ms, id, floorMs] = position ?? [];
  if (ms !== undefined && id !== undefined) {
    return { ms: Number(ms), id: String(id), ...(floorMs !== undefined && { floorMs: Number(floorMs) }) };
  }
  context.addIssue({ code: "custom", message: "Input should be a cursor as an earlier page gave it" });
  return z.NEVER;
});

export interface Position {
  readonly ms: number;
  readonly id: string;
  readonly floorMs?: number;
}
