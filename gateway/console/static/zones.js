// Zones (防区): which watch for intruders, which are disarmed and by whom, where people are leaving or somebody has come in.

import { arm, disarm } from "./asks.js";
import { BypassList } from "./bypasses.js";
import { el, icon, remaining, time, toast, working } from "./dom.js";
import { Rows } from "./rows.js";
import { pointKind, say, words } from "./words.js";

const ORDER = ["entering", "leaving", "disarmed", "armed"];
const ICONS = { entering: "high", leaving: "lock", armed: "lock", disarmed: "unlock" };
const ACTED_BY_ITSELF = { schedule: words.bySchedule };

/** What a zone is doing. */
export function stateOf(zone) {
  if (zone.entry_until !== null) return "entering";
  if (!zone.armed) return "disarmed";
  return zone.exit_until !== null ? "leaving" : "armed";
}

export class ZonesView {
  constructor() {
    this.list = el("ul", { class: "zones" });
    this.always = el("p", { class: "dim always" });
    this.clock = el("p", { class: "problem strong", hidden: true }, icon("bad"), words.scheduleWaits);
    this.problem = el("p", { class: "problem", role: "alert" });
    this.bypasses = new BypassList();
    this.element = el("div", { class: "view" }, this.problem, this.clock, this.list, this.bypasses.element, this.always);
    this.rows = new Rows(this.list, card);
  }

  show(zones, bypasses, clock) {
    const watched = zones.filter((zone) => zone.watched);
    const others = zones.filter((zone) => !zone.watched).map((zone) => zone.zone.name);
    const sorted = [...watched].sort((a, b) => ORDER.indexOf(stateOf(a)) - ORDER.indexOf(stateOf(b)));
    this.rows.show(sorted.map((zone) => [zone.zone.id, zone]));
    this.clock.hidden = clock === "trusted" || !watched.some((zone) => zone.scheduled);
    this.bypasses.show(bypasses, zones);
    this.always.textContent = [watched.length ? "" : words.noZones, words.alwaysKinds, others.length ? say(words.always, { zones: others.join(words.comma) }) : ""].filter(Boolean).join(" ");
  }

  failed(message) {
    this.problem.textContent = message;
  }
}

function card(zone) {
  const state = stateOf(zone);
  return el("li", { class: `zone ${state}`, "data-zone": zone.zone.id },
    el("div", { class: "zone-icon" }, icon(ICONS[state])),
    el("div", { class: "zone-main" },
      el("h3", {}, zone.zone.name, el("small", {}, zone.zone.place)),
      el("p", { class: "zone-state" }, ...lead(zone, state)),
      el("p", { class: "dim" }, history(zone)),
      zone.active.length ? el("p", { class: "open-points" }, icon("bad"), el("strong", {}, words.openNow), ...zone.active.map((point) => el("span", {}, `${point.name} (${pointKind(point.kind)})`))) : null),
    button(zone, state));
}

function lead(zone, state) {
  if (state === "entering") return [words.zoneStates.entering, el("span", {}, words.enteringLead, " ", remaining(zone.entry_until))];
  if (state === "leaving") return [words.zoneStates.leaving, el("span", {}, words.leavingLead, " ", remaining(zone.exit_until))];
  return [words.zoneStates[state]];
}

/** Who made it so and when, and what the schedule will do. */
function history(zone) {
  const parts = [];
  const who = zone.by && (ACTED_BY_ITSELF[zone.by.name] ?? zone.by.display);
  if (zone.by && zone.by.name !== "gateway") parts.push(say(zone.armed ? words.armedBy : words.disarmedBy, { who, time: time(zone.since) }));
  if (zone.scheduled) parts.push(zone.changes_at ? say(words.scheduleNext, { time: time(zone.changes_at) }) : words.scheduleNever);
  return parts.join(words.stop);
}

function button(zone, state) {
  if (state === "disarmed") {
    return working("arm", "primary", words.arm, async () => (await arm(zone)) && toast(words.armedOk));
  }
  return working("disarm", state === "entering" ? "primary" : "", words.disarm, () => disarmNow(zone));
}

async function disarmNow(zone) {
  if (await disarm(zone)) toast(words.disarmedOk);
}

/** Somebody has come in: on every view, until it is disarmed or becomes an alarm. */
export class EntryBanner {
  constructor() {
    this.element = el("div", { class: "entries" });
    this.rows = new Rows(this.element, (zone) => el("div", { class: "banner entering", role: "alert", "data-entry": zone.zone.id }, icon("high"),
      el("div", {}, el("strong", {}, `${zone.zone.name} ${words.zoneStates.entering}`), el("p", {}, words.enteringNote)),
      remaining(zone.entry_until),
      working("disarm", "primary", words.disarm, () => disarmNow(zone))));
  }

  show(zones) {
    this.rows.show(zones.filter((zone) => stateOf(zone) === "entering").map((zone) => [zone.zone.id, zone]));
  }
}
