/** Printable ASCII without a space at either end: what is sent as a header's value, or as a part of one, as it is. */
export const HEADER_TEXT = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;
/** What is wrong with a text that is not. */
export const HEADER_TEXT_RULE = "goes into a header, so it must be printable ASCII";
