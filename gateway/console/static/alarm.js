// One alarm in words: what it is, where, how it stands, how long people took. No page, no state.

import { span } from "./dom.js";
import { say, words } from "./words.js";

export const FAULTS = new Set(["fault", "device-lost", "bus-lost", "battery", "clock", "camera-covered", "camera-frozen", "camera-moved",
  "camera-black", "camera-bright", "camera-blurred", "camera-signal", "retention-risk",
  "disk", "certificate", "unparsed", "unknown-sender", "site-file", "point-untested", "recording-lost"]);

export const isAcknowledged = (alarm) => alarm.acknowledged_at !== null;
/** Duress is silent by its nature: it neither sounds nor moves, for the one who threatens may be looking. */
export const isSilent = (alarm) => alarm.kind === "duress";
export const isShelved = (alarm) => alarm.shelved_until !== null;
export const isClosable = (alarm) => isAcknowledged(alarm) && alarm.returned_at !== null;

/** First line of a card: what it is. */
export const kindOf = (alarm) => words.kinds[alarm.kind] ?? alarm.kind;

/** Where it is: the zone and the point's own name, which guards know it by. */
export function whereOf(alarm) {
  if (alarm.point === null && words.subjects[alarm.subject]) return words.subjects[alarm.subject];
  const zone = alarm.zone?.name;
  return zone && !alarm.name.includes(zone) ? `${zone} ${alarm.name}` : alarm.name;
}

/** How it stands, in words. */
export function stateOf(alarm) {
  const fault = FAULTS.has(alarm.kind);
  const parts = [isAcknowledged(alarm) ? words.seen.yes : words.seen.no];
  if (alarm.closed_at !== null) return words.place.closed;
  if (alarm.returned_at === null) parts.push(fault ? words.place.faultActive : words.place.active);
  else if (alarm.returns) parts.push(fault ? words.place.faultBack : words.place.back);
  if (isClosable(alarm)) parts.push(words.place.ready);
  return parts.join(words.stop);
}

/** How long it took until somebody acknowledged a closed or acknowledged alarm. */
export function responseOf(alarm) {
  if (!alarm.acknowledged_at) return "";
  return say(words.duration, { n: span(Date.parse(alarm.acknowledged_at) - Date.parse(alarm.last_raised_at)) });
}
