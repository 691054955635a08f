// The head of the desk: where one is, what is wrong, what must never be out of view, and the buttons that are always there.

import { BypassStrip } from "./bypasses.js";
import { el, icon, setText, time } from "./dom.js";
import { StatusLine } from "./status.js";
import { say, switchLanguage, words } from "./words.js";
import { EntryBanner } from "./zones.js";

export const VIEWS = ["alarms", "zones", "cameras", "devices", "history", "log"];
const SETTLE_MS = 400;
const STALE_WORDS = {
  silent: [words.stale, words.staleNote],
  notShown: [words.notShown, words.notShownNote],
  displaced: [words.displaced, words.displacedNote],
};

export class Frame {
  /** `acts` are what its buttons do: drill (null: not for this guard), enableSound, signOut. */
  constructor(root, display, acts) {
    this.site = el("strong", { class: "site" }, words.title);
    this.silence = el("button", { type: "button", class: "act loud", hidden: true }, icon("mute"), words.silence);
    this.badges = Object.fromEntries(["alarms", "zones", "devices"].map((view) => [view, el("b", { class: "nav-count", hidden: true })]));
    this.tabs = VIEWS.map((view) => el("a", { href: `#${view}`, "data-view": view }, words[view], this.badges[view] ?? null));
    this.status = new StatusLine();
    this.entries = new EntryBanner();
    this.bypasses = new BypassStrip();
    this.banners = banners(acts);
    this.main = el("main", { id: "main" });
    const drill = acts.drill ? el("button", { type: "button", class: "act quiet", onclick: acts.drill }, words.startDrill) : null;
    const people = el("div", { class: "people" }, drill, el("span", { class: "who" }, display),
      el("button", { type: "button", class: "act quiet", onclick: switchLanguage }, words.other),
      el("button", { type: "button", class: "act quiet", onclick: acts.signOut }, words.signOut));
    root.replaceChildren(
      el("header", {},
        el("div", { class: "bar" }, el("div", { class: "brand" }, icon("shield"), this.site), el("nav", {}, ...this.tabs), this.silence, people),
        this.status.element, ...Object.values(this.banners), this.entries.element, this.bypasses.element),
      this.main);
  }

  show(element) {
    this.main.replaceChildren(element);
  }

  /** What must never be out of view. Where it pushes the rest down, no click is taken for a moment: it was meant for another thing. */
  stand(zones, bypasses) {
    const before = this.main.offsetTop;
    this.entries.show(zones);
    this.bypasses.show(bypasses, zones);
    if (this.main.offsetTop === before) return;
    this.main.classList.add("settling");
    clearTimeout(this.settled);
    this.settled = setTimeout(() => this.main.classList.remove("settling"), SETTLE_MS);
  }

  mark(view) {
    for (const tab of this.tabs) {
      if (tab.dataset.view === view) tab.setAttribute("aria-current", "page");
      else tab.removeAttribute("aria-current");
    }
  }

  count(view, number) {
    const badge = this.badges[view];
    badge.hidden = number === 0;
    setText(badge, String(number));
  }

  showStatus(status) {
    setText(this.site, status.site.name);
    this.banners.memory.hidden = status.durability !== "memory";
    this.status.show(status);
  }

  /** Not live, and why; or live again. `heardAt` is when the gateway last spoke. */
  stale(stale, why, heardAt) {
    const banner = this.banners.stale;
    banner.hidden = !stale;
    document.body.classList.toggle("is-stale", stale);
    if (stale) {
      const [lead, note] = STALE_WORDS[why];
      banner.replaceChildren(icon("off"), el("div", {}, el("strong", {}, lead), el("p", {}, say(note, { time: time(heardAt) }))));
    }
    this.status.live(!stale);
  }

  /** What the gateway said instead of going on. */
  refused(reason) {
    this.banners.stale.querySelector("p").textContent = reason;
  }

  session(expires, ends) {
    this.banners.session.hidden = !ends;
    setText(this.banners.session.querySelector("strong"), say(words.sessionEnds, { time: time(expires) }));
  }
}

function banners(acts) {
  return {
    stale: el("div", { class: "banner stale", role: "alert", hidden: true }),
    sound: el("div", { class: "banner sound", hidden: true }, icon("mute"), el("strong", {}, words.soundBlocked),
      el("button", { type: "button", class: "act", onclick: acts.enableSound }, words.soundOn)),
    memory: el("div", { class: "banner memory", role: "alert", hidden: true }, icon("bad"), el("strong", {}, words.storageNote)),
    session: el("div", { class: "banner session", hidden: true }, icon("bad"), el("strong", {}),
      el("button", { type: "button", class: "act", onclick: acts.signOut }, words.signInAgain)),
  };
}
