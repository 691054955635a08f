// Bypassed points (旁路), always in view: a forgotten bypass is a window that nobody watches.

import { restore } from "./asks.js";
import { el, icon, remaining, time, toast, working } from "./dom.js";
import { Rows } from "./rows.js";
import { pointKind, say, words } from "./words.js";

const SHOWN = 3;

/** "Points bypassed", with who, until when and why; on every view, below the head. */
export class BypassStrip {
  constructor() {
    this.lead = el("strong", {});
    this.list = el("ul", {});
    this.element = el("aside", { class: "banner bypassed", "aria-label": words.bypassed, hidden: true }, icon("bypass"),
      el("div", { class: "bypassed-what" }, this.lead, this.list), el("a", { class: "act", href: "#zones" }, words.look));
    this.rows = new Rows(this.list, (text) => el("li", {}, text));
  }

  show(bypasses, zones) {
    this.element.hidden = bypasses.length === 0;
    this.lead.textContent = say(bypasses.length === 1 ? words.bypassedOne : words.bypassedCount, { n: bypasses.length });
    const lines = soonestLast(bypasses).slice(0, SHOWN).map((bypass) => [bypass.point, `${nameOf(bypass, zones)} · ${factsOf(bypass)}`]);
    if (bypasses.length > SHOWN) lines.push(["", say(words.more, { n: bypasses.length - SHOWN })]);
    this.rows.show(lines);
  }
}

/** The whole list, each with a button to end it. */
export class BypassList {
  constructor() {
    this.list = el("ul", { class: "bypasses" });
    this.element = el("section", { hidden: true }, el("h2", {}, words.bypassed), this.list);
    this.rows = new Rows(this.list, (shown) => row(shown));
  }

  show(bypasses, zones) {
    this.element.hidden = bypasses.length === 0;
    this.rows.show(soonestLast(bypasses).map((bypass) => [bypass.point, { bypass, name: nameOf(bypass, zones) }]));
  }
}

function row({ bypass, name }) {
  return el("li", { class: "row bypass", "data-bypass": bypass.point }, icon("bypass"),
    el("div", { class: "row-main" },
      el("h3", {}, name, el("small", {}, pointKind(bypass.kind))),
      el("p", {}, factsOf(bypass)), el("p", { class: "dim" }, words.left, " ", remaining(bypass.until))),
    restoreButton(bypass.point));
}

/** Ends a bypass; it watches again once the gateway says so. */
export function restoreButton(point) {
  return working(`restore ${point}`, "primary", words.restore, async () => {
    await restore(point);
    toast(words.restoredOk);
  });
}

/** Who, until when and why. */
export function factsOf(bypass) {
  return say(words.bypassFacts, { until: time(bypass.until), who: bypass.by.display, reason: bypass.reason });
}

function nameOf(bypass, zones) {
  const zone = zones.find((each) => each.zone.id === bypass.zone)?.zone.name;
  return zone && !bypass.name.includes(zone) ? `${zone} ${bypass.name}` : bypass.name;
}

/** The longest first: it is the one that is forgotten. */
const soonestLast = (bypasses) => [...bypasses].sort((a, b) => b.until.localeCompare(a.until));
