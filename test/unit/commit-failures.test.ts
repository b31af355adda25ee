import {
  MongoClientBulkWriteError,
  MongoInvalidArgumentError,
  MongoNetworkError,
  MongoServerError,
} from "mongodb";
import { expect, test } from "vitest";
import { classifyCommitFailure, isChargeFault } from "../../src/spend/ledger-store.ts";
import { reasonOf } from "../../src/store/write-together.ts";

/** The driver's error for one write that the server refused. */
function refusedWrite(code: number): MongoClientBulkWriteError {
  const error = new MongoClientBulkWriteError({ message: "one write failed" });
  error.writeErrors.set(3, { code, message: "refused" });
  return error;
}

/** The driver's error for a command that failed as a whole. */
function failedCommand(code: number, labels: string[] = []): MongoClientBulkWriteError {
  const error = new MongoClientBulkWriteError({ message: "the command failed" });
  error.cause = new MongoServerError({ message: "no", code, errorLabels: labels });
  return error;
}

const invalid = (message: string, cause?: Error): Error =>
  new MongoInvalidArgumentError(message, cause && { cause });

test.each([
  ["a key that is taken", refusedWrite(11_000), "duplicate", false],
  ["a document that a rule refuses", refusedWrite(121), "rejected", true],
  ["a document that is too large for the server", refusedWrite(10_334), "rejected", true],
  ["a write that met another", refusedWrite(112), "conflict", false],
  ["a disk that is full", refusedWrite(14_031), "full", false],
  ["a transaction that met another", failedCommand(112, ["TransientTransactionError"]), "conflict", false],
  [
    "a commit whose answer was lost",
    failedCommand(11_600, ["UnknownTransactionCommitResult"]),
    "unavailable",
    false,
  ],
  ["a command that the server does not know", failedCommand(59), "rejected", false],
  ["a connection that was lost", new MongoNetworkError("lost"), "unavailable", false],
  [
    "a document that is too large to be sent",
    invalid("Client bulk write operation ops of length 17 exceeds the max bson object size of 16"),
    "rejected",
    true,
  ],
  [
    "a document that cannot be written",
    invalid("Could not serialize", new RangeError("offset")),
    "rejected",
    true,
  ],
] as const)("%s", (_what, error, failure, ofCharge) => {
  const reason = reasonOf(error);
  expect([classifyCommitFailure(reason), isChargeFault(reason)]).toEqual([failure, ofCharge]);
});

test("a wrong use of the driver is not the charge's fault", () => {
  expect(isChargeFault(reasonOf(invalid("Option is not supported")))).toBe(false);
});
