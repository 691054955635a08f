// The past alarms.

import { get } from "./api.js";
import { ago, el, icon, time } from "./dom.js";
import { kindOf, responseOf, whereOf } from "./alarm.js";
import { showDetails } from "./dialogs.js";
import { say, words } from "./words.js";

/** Past and present alarms, newest first, older ones on demand. */
export class History {
  constructor() {
    this.list = el("ol", { class: "past" });
    this.more = el("button", { type: "button", class: "act", hidden: true, onclick: () => this.load() }, words.older);
    this.note = el("p", { class: "empty" }, words.loading);
    this.element = el("div", {}, this.list, this.note, this.more);
    this.before = null; // the oldest that is shown: its time and id
  }

  load() {
    this.ask();
    return this;
  }

  async ask() {
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
