import { expect, onTestFinished, test } from "vitest";
import { DeliveryRig } from "../support/delivery-rig.ts";
import { waitUntil } from "../support/wait-until.ts";

const HEALTHY = Array.from({ length: 20 }, (_, index) => `healthy-${index}`);
const HOLE_EVENTS = 300;
const ROUNDS = 15;

// Setup     one worker; 20 receivers that answer, and one that takes everything and never answers; more events
//           for that one than a worker has room for.
// Timeline  the events for the one that hangs are there first; then the others' come; when all of them have
//           arrived, the one that hangs begins to answer.
// Proves    who hangs takes no room from the others, and loses nothing.
test("events of other endpoints arrive while one receiver hangs, and its own when it answers", async () => {
  const settings = { breaker_seconds: 1, retry_seconds: Array.from({ length: 20 }, () => 1) };
  const rig = await DeliveryRig.start(["hole", ...HEALTHY], settings);
  onTestFinished(() => rig.stop());
  const hole = rig.receiver("hole");
  const answer = hole.reply;
  hole.reply = () => {};
  for (let sent = 0; sent < HOLE_EVENTS; sent += 50) {
    await rig.commit(Array.from({ length: 50 }, (_, index) => `hole/${index}`));
  }
  rig.maintenance();
  rig.webhooks();
  await waitUntil("the first attempts that hang", () => hole.attempts.length > 0);
  for (let round = 0; round < ROUNDS; round++) await rig.commit(HEALTHY.map((id) => `${id}/a`));

  await waitUntil("all events of the others", () =>
    HEALTHY.every((id) => rig.receiver(id).sequencesOf(`${id}/a`).length === ROUNDS),
  );
  expect(hole.accepted).toEqual([]);
  expect(await rig.deliveries({ endpointId: "hole", state: "delivered" })).toEqual([]);
  const others = await rig.deliveries({ endpointId: { $ne: "hole" } });
  expect(others.filter(({ attempts }) => attempts.length > 1)).toEqual([]);

  hole.reply = answer;
  await waitUntil(
    "the events of the one that hung",
    async () => (await rig.deliveries({ state: "delivered" })).length === rig.events.length,
    90_000,
  );
  expect(new Set(hole.accepted.map(({ id }) => id)).size).toBe(HOLE_EVENTS);
});
