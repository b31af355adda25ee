/** Bodies of chat requests that are as long as they may be and made to take their readers' time. */
export interface NastyBody {
  readonly name: string;
  /** Of about so many bytes. */
  readonly make: (model: string, bytes: number) => Buffer;
  /** The code of the error that refuses it; null where it is a request like others. */
  readonly refusal: "invalid_json" | "invalid_request" | null;
}

const asked = (name: string, make: NastyBody["make"]): NastyBody => ({ name, make, refusal: null });
const refused = (name: string, make: NastyBody["make"]): NastyBody => ({
  name,
  make,
  refusal: "invalid_json",
});

/** One message of one text. */
const saying = (model: string, text: string): Buffer =>
  Buffer.from(`{"model":"${model}","messages":[{"role":"user","content":"${text}"}]}`);

/** A short message, and one field more. */
const beside = (model: string, field: string): Buffer =>
  Buffer.from(`{"model":"${model}","messages":[{"role":"user","content":"hi"}],${field}}`);

const fill = (unit: string, bytes: number): string =>
  unit.repeat(Math.floor(bytes / Buffer.byteLength(unit)));

const BABBLE_CHARS = 400_000;

/** Letters with next to no repetition in what is counted of them; the same each time. */
function babble(bytes: number, first: number, letters: number): string {
  const parts: string[] = [];
  let seed = 12_345;
  for (let index = 0; index < BABBLE_CHARS; index++) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    parts.push(String.fromCharCode(first + ((seed >>> 12) % letters)));
  }
  return fill(parts.join(""), bytes);
}

export const NASTY_BODIES: readonly NastyBody[] = [
  asked("spaces", (model, bytes) => saying(model, " ".repeat(bytes))),
  asked("one letter", (model, bytes) => saying(model, "a".repeat(bytes))),
  asked("one emoji", (model, bytes) => saying(model, fill("😀", bytes))),
  asked("letters without a space", (model, bytes) => saying(model, babble(bytes, 0x61, 26))),
  asked("Han without a stop", (model, bytes) => saying(model, babble(bytes, 0x4e00, 20_000))),
  asked("\\u escapes", (model, bytes) => saying(model, fill("\\u4e2d", bytes))),
  asked("\\n escapes", (model, bytes) => saying(model, fill("\\n", bytes))),
  asked("escaped quotes", (model, bytes) => saying(model, fill('\\"\\\\', bytes))),
  asked("20 texts of one letter", (model, bytes) => {
    const message = `{"role":"user","content":"${"z".repeat(Math.floor(bytes / 20))}"}`;
    return Buffer.from(`{"model":"${model}","messages":[${fill(`${message},`, bytes)}${message}]}`);
  }),
  asked("60,000 messages", (model, bytes) => {
    const message = `{"role":"user","content":"${"x ".repeat(Math.floor(bytes / 60_000 / 2) - 20)}"}`;
    return Buffer.from(`{"model":"${model}","messages":[${`${message},`.repeat(60_000)}${message}]}`);
  }),
  asked("60,000 parts", (model, bytes) => {
    const part = `{"type":"text","text":"${"y ".repeat(Math.floor(bytes / 60_000 / 2) - 15)}"}`;
    const parts = `${`${part},`.repeat(60_000)}${part}`;
    return Buffer.from(`{"model":"${model}","messages":[{"role":"user","content":[${parts}]}]}`);
  }),
  asked("an unknown field", (model, bytes) => beside(model, `"x":"${"q".repeat(bytes)}"`)),
  asked("a long key", (model, bytes) => beside(model, `"${"k".repeat(bytes)}":1`)),
  asked("a long number", (model, bytes) => beside(model, `"seed":${"9".repeat(bytes)}`)),
  asked("space between tokens", (model, bytes) => beside(model, `${" \n".repeat(bytes / 2)}"x":1`)),
  asked("tools of one word", (model, bytes) => {
    const tool = `{"type":"function","function":{"name":"f","description":"${"w".repeat(bytes)}"}}`;
    return beside(model, `"tools":[${tool}]`);
  }),
  asked("metadata as text", (model, bytes) =>
    beside(model, `"metadata":"{\\"a\\":\\"${"m".repeat(bytes)}\\"}"`),
  ),
  refused("empty arrays", (model, bytes) => beside(model, `"x":[${fill("[],", bytes)}[]]`)),
  refused("700,000 members", (model) => {
    const members = Array.from({ length: 700_000 }, (_, index) => `"k${index}":${index}`);
    return beside(model, `"x":{${members.join(",")}}`);
  }),
  refused("open arrays", (model, bytes) => beside(model, `"x":${"[".repeat(bytes)}`)),
  refused("a text without an end", (model, bytes) => {
    return Buffer.from(`{"model":"${model}","messages":[{"content":"${"t".repeat(bytes)}`);
  }),
  refused("no UTF-8 at the end", (model, bytes) => {
    return Buffer.concat([saying(model, "u".repeat(bytes)).subarray(0, -4), Buffer.from([0xff])]);
  }),
  {
    name: "a long model",
    make: (model, bytes) => saying(model + "m".repeat(bytes), "hi"),
    refusal: "invalid_request",
  },
  {
    name: "a long user",
    make: (model, bytes) => beside(model, `"user":"${"u".repeat(bytes)}"`),
    refusal: "invalid_request",
  },
];
