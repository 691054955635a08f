// The quieter views: devices and whether they are there, past alarms, the access log.

import { adviceForPresence, technical } from "./advice.js";
import { get } from "./api.js";
import { ago, el, icon, time } from "./dom.js";
import { kindOf, responseOf, whereOf } from "./alarms.js";
import { showDetails } from "./dialogs.js";
import { say, words } from "./words.js";

const PRESENCE_ICONS = { online: "ok", offline: "off", unknown: "unknown" };
const WORST_FIRST = ["offline", "unknown", "online"];

/** Devices, those that are not there first. */
export function deviceList(devices) {
  const sorted = [...devices.values()].sort((a, b) => WORST_FIRST.indexOf(a.presence) - WORST_FIRST.indexOf(b.presence));
  if (sorted.length === 0) return el("p", { class: "empty" }, words.noDevices);
  return el("ul", { class: "devices" }, ...sorted.map(device));
}

function device(found) {
  const points = found.points.map((point) => el("li", {}, el("b", {}, words.kinds[point.kind] ?? point.kind), ` ${point.name}`));
  return el("li", { class: `device ${found.presence}`, "data-device": found.id },
    el("div", { class: "presence" }, icon(PRESENCE_ICONS[found.presence]), el("span", {}, words.presences[found.presence])),
    el("div", {},
      el("h3", {}, found.name, el("small", {}, found.zone?.name ?? "")),
      el("p", { class: "dim" }, [found.camera ? words.camera : found.connection, found.since ? say(words.since, { time: time(found.since) }) : null].filter(Boolean).join(words.stop)),
      el("p", { class: "advice" }, found.since ? adviceForPresence(found.presence) : ""), technical(found.reason),
      points.length ? el("ul", { class: "points" }, ...points) : null));
}

/** Past and present alarms, newest first, older ones on demand. */
export class History {
  constructor() {
    this.list = el("ol", { class: "past" });
    this.more = el("button", { type: "button", class: "act", hidden: true, onclick: () => this.load() }, words.older);
    this.note = el("p", { class: "empty" }, words.loading);
    this.element = el("div", {}, this.list, this.note, this.more);
    this.before = null; // the oldest that is shown: its time and id
  }

  async load() {
    const older = this.before ? `&before=${encodeURIComponent(this.before[0])}&before_id=${encodeURIComponent(this.before[1])}` : "";
    try {
      const answer = await get(`/api/alarms?history=true&limit=50${older}`);
      this.list.append(...answer.alarms.map(past));
      this.before = answer.next_before === null ? null : [answer.next_before, answer.next_before_id];
      this.more.hidden = this.before === null;
      this.note.hidden = this.list.children.length > 0;
      this.note.textContent = words.noHistory;
    } catch (error) {
      this.note.hidden = false;
      this.note.textContent = error.message;
    }
  }
}

function past(alarm) {
  const verdict = alarm.closed_at === null ? words.open : alarm.verdict ? words.verdicts[alarm.verdict] : words.place.closed;
  const who = alarm.closed_by ? say(words.closedBy, { who: alarm.closed_by.display, time: time(alarm.closed_at) }) : "";
  return el("li", { class: `row ${alarm.severity} ${alarm.drill ? "drill" : "real"}` },
    el("span", { class: "row-icon" }, icon(alarm.drill ? "drill" : alarm.severity), el("span", {}, words.severities[alarm.severity])),
    el("div", { class: "row-main" },
      el("h3", {}, alarm.drill ? `${words.drill} · ` : "", kindOf(alarm), el("small", {}, whereOf(alarm))),
      el("p", { class: "dim" }, [time(alarm.raised_at), ago(alarm.raised_at), responseOf(alarm), who].filter(Boolean).join(words.stop))),
    el("span", { class: `verdict ${alarm.closed_at === null ? "open" : alarm.verdict ?? ""}` }, verdict),
    el("button", { type: "button", class: "act quiet", onclick: () => showDetails(alarm) }, words.details));
}

/** Who signed in and who looked at footage. */
export async function accessLog() {
  const answer = await get("/api/access-log");
  if (answer.entries.length === 0) return el("p", { class: "empty" }, words.noLog);
  return el("div", {}, el("p", { class: "dim" }, words.logNote), el("ol", { class: "past" }, ...answer.entries.map((entry) => el("li", { class: "row log" },
    el("time", { datetime: entry.at }, time(entry.at)),
    el("strong", {}, entry.actor.display),
    el("span", {}, words.actions[entry.action] ?? entry.action),
    el("span", { class: "dim" }, [entry.camera, entry.from ? time(entry.from) : null, entry.to ? time(entry.to) : null, entry.reason].filter(Boolean).join(words.stop))))));
}
