// Who signed in and who looked at footage: newest first, older lines on demand, of one camera or of one account.

import { get } from "./api.js";
import { el, time } from "./dom.js";
import { watchTitle } from "./watch.js";
import { say, words } from "./words.js";

const AT_ONCE = 100;
const EVIDENCE = /^(snapshot|clip) \S+ of alarm \S+$/; // as the gateway writes it
const WATCH = /^picture watch: (\S+)$/; // and for a pair of the picture watch

export class AccessLog {
  constructor() {
    this.camera = el("select", { name: "camera", "aria-label": words.camera, onchange: () => this.again() }, el("option", { value: "" }, words.allCameras));
    this.actor = el("input", { name: "actor", "aria-label": words.logAccount, placeholder: words.logAccount, maxlength: "64", autocomplete: "off", onchange: () => this.again() });
    this.list = el("ol", { class: "past" });
    this.note = el("p", { class: "empty" });
    this.more = el("button", { type: "button", class: "act", hidden: true, onclick: () => this.ask() }, words.older);
    this.element = el("div", {}, el("p", { class: "dim" }, words.logNote), el("div", { class: "day-row log-filters" }, this.camera, this.actor), this.list, this.note, this.more);
    this.before = null;
    this.asked = 0;
  }

  load() {
    this.fillCameras();
    this.ask();
    return this;
  }

  async fillCameras() {
    try {
      const { cameras } = await get("/api/cameras");
      this.camera.append(...cameras.map((one) => el("option", { value: one.id }, one.name)));
    } catch (error) {
      this.note.textContent = error.message;
    }
  }

  again() {
    this.before = null;
    this.list.replaceChildren();
    this.ask();
  }

  async ask() {
    const mine = (this.asked += 1);
    const query = new URLSearchParams({ limit: AT_ONCE });
    for (const [name, value] of [["camera", this.camera.value], ["actor", this.actor.value.trim()], ["before", this.before]]) if (value) query.set(name, value);
    this.more.hidden = true;
    this.note.hidden = false;
    this.note.textContent = words.loading;
    try {
      const answer = await get(`/api/access-log?${query}`);
      if (mine !== this.asked) return;
      this.list.append(...answer.entries.map(line));
      this.before = answer.next_before;
      this.more.hidden = this.before === null;
      this.note.hidden = this.list.children.length > 0;
      this.note.textContent = words.noLog;
    } catch (error) {
      if (mine === this.asked) this.note.textContent = error.message;
    }
  }
}

function line(entry) {
  const shown = entry.to === null || entry.to === entry.from ? [entry.from && time(entry.from)] : [`${time(entry.from)} – ${time(entry.to)}`];
  return el("li", { class: "row log" }, el("time", { datetime: entry.at }, time(entry.at)), el("strong", {}, entry.actor.display),
    el("span", {}, words.actions[entry.action] ?? entry.action),
    el("span", { class: "dim" }, [entry.camera_name, ...shown, reasonOf(entry)].filter(Boolean).join(words.stop)));
}

/** The gateway's own reasons in words; what a person gave stays as it is. */
function reasonOf({ action, reason }) {
  if (action !== "view") return action === "export" ? say(words.logReason, { reason }) : reason;
  const wrong = WATCH.exec(reason)?.[1];
  if (wrong) return `${watchTitle}${words.stop}${words.kinds[wrong] ?? wrong}`;
  const kind = EVIDENCE.exec(reason)?.[1];
  return kind ? say(words.logEvidence, { kind: words.evidenceKinds[kind] }) : (words.logReasons[reason] ?? reason);
}
