// The state line: is this live, is the gateway well, where is it kept, does the platform hear us. Icons and words, not colour alone.

import { adviceForProblems, linkDown, storage, technical } from "./advice.js";
import { ago, clockTime, el, icon, setText } from "./dom.js";
import { say, words } from "./words.js";

export class StatusLine {
  constructor() {
    this.clock = el("time", {});
    this.liveChip = chip(false, words.notLive, this.clock);
    this.chips = el("div", { class: "chips" });
    this.element = el("div", { class: "status" }, this.liveChip, this.chips);
  }

  live(live) {
    this.liveChip.replaceWith((this.liveChip = chip(live, live ? words.live : words.notLive, this.clock)));
  }

  tick(stale) {
    if (!stale) setText(this.clock, clockTime());
  }

  show(status) {
    const problems = status.problems.map((problem) => problem.message).join("; ");
    this.tick(false);
    this.chips.replaceChildren(
      chip(status.problems.length === 0, status.problems.length ? words.gatewayBad : words.gatewayOk, adviceForProblems(status.problems), technical(problems)),
      chip(status.durability === "disk", status.durability === "disk" ? words.storageOk : words.storageMemory, status.durability === "disk" ? "" : storage, technical(status.durability_reason)),
      chip(status.clock === "trusted", status.clock === "trusted" ? words.clockOk : words.clockBad),
      ...status.uplinks.map(uplink));
  }
}

function uplink(link) {
  const state = link.connected === null ? words.unknownLink : link.connected ? words.up : words.down;
  const backlog = link.backlog;
  let waiting = "";
  if (backlog) waiting = backlog.rows ? say(words.pending, { n: backlog.rows }) : words.nothingPending;
  if (backlog?.oldest && backlog.rows) waiting += `${words.stop}${say(words.pendingSince, { age: ago(backlog.oldest) })}`;
  const text = `${words.platform} ${link.name} ${state}`;
  const down = link.connected === false;
  const more = [waiting, down ? linkDown : ""].filter(Boolean).join(words.stop);
  return chip(!down, text, more, technical(down ? link.reason : ""), link.connected === null ? "unknown" : null);
}

function chip(good, text, more = "", details = null, shape = null) {
  return el("span", { class: `chip ${good ? "good" : "bad"}` }, icon(shape ?? (good ? "ok" : "bad")), el("b", {}, text), more ? el("span", { class: "more" }, more) : null, details);
}
