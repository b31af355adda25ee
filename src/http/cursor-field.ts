import { z } from "zod";
import { decodeCursor } from "../lib/cursor.ts";

/** Beyond these there are no dates. */
const time = z.int().min(-8.64e15).max(8.64e15);
const position = z.union([
  z.tuple([time, z.string()]).transform(([ms, id]) => ({ ms, id })),
  z.tuple([time, z.string(), time]).transform(([ms, id, floorMs]) => ({ ms, id, floorMs })),
]);

/** A cursor that says when a page ended and at which id, and for some lists from when on to look again. */
export const timeCursor = z.string().transform((text, context): Position => {
  const parsed = position.safeParse(decodeCursor(text));
  if (parsed.success) return parsed.data;
  context.addIssue({ code: "custom", message: "Input should be a cursor as an earlier page gave it" });
  return z.NEVER;
});

export interface Position {
  readonly ms: number;
  readonly id: string;
  readonly floorMs?: number;
}
