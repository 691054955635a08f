// The open alarms as cards: what and where first, then how it stands, then what can be done. Cards are kept and changed
// in place, so that focus, clicks and the reader's eye are not disturbed.

import { adviceFor, technical } from "./advice.js";
import { FAULTS, isAcknowledged, isClosable, isShelved, isSilent, kindOf, stateOf, whereOf } from "./alarm.js";
import { post } from "./api.js";
import { ago, el, icon, setText, span, time, toast } from "./dom.js";
import { Evidence } from "./evidence.js";
import { askClose, askShelve, showDetails } from "./dialogs.js";
import { say, words } from "./words.js";
import { WhyWrong } from "./watch.js";

const SEVERITIES = ["critical", "high", "medium", "low"];
const SETTLE_MS = 400;

/** To acknowledge first, then in hand, then shelved; in each the worst first, then the oldest: the first alarm tells where it began. */
function groupOf(alarm) {
  if (!isAcknowledged(alarm)) return isShelved(alarm) ? "shelvedGroup" : "waiting";
  return isShelved(alarm) ? "shelvedGroup" : "handling";
}

function byUrgency(a, b) {
  return SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity) || a.raised_at.localeCompare(b.raised_at);
}

/** The view of all open alarms. `changed(alarm)` is called with what an act of ours has made of one. */
export class AlarmList {
  constructor(changed) {
    this.changed = changed;
    this.cards = new Map();
    this.groups = Object.fromEntries(["waiting", "handling", "shelvedGroup"].map((name) => [name, this.group(name)]));
    this.calm = el("div", { class: "calm", hidden: true }, icon("shield"), el("p", { class: "calm-lead" }, words.calm), el("p", {}, words.calmNote));
    this.element = el("div", { class: "alarms" }, ...Object.values(this.groups).map((group) => group.element), this.calm);
  }

  group(name) {
    const count = el("span", { class: "count" });
    const list = el("ol", { class: "cards" });
    const element = el("section", { class: `group ${name}`, hidden: true }, el("h2", {}, words[name], count), list);
    return { element, list, count };
  }

  /** Show these alarms. */
  show(alarms) {
    const open = [...alarms.values()].filter((alarm) => alarm.closed_at === null);
    for (const [id, card] of this.cards) {
      if (alarms.get(id)?.closed_at === null) continue;
      card.element.remove();
      this.cards.delete(id);
      this.settle();
    }
    for (const [name, group] of Object.entries(this.groups)) {
      const members = open.filter((alarm) => groupOf(alarm) === name).sort(byUrgency);
      this.arrange(group, members);
    }
    this.calm.hidden = open.length > 0;
  }

  arrange(group, members) {
    group.element.hidden = members.length === 0;
    setText(group.count, String(members.length));
    members.forEach((alarm, index) => {
      const card = this.card(alarm);
      card.update(alarm);
      if (group.list.children[index] === card.element) return;
      const focused = card.element.contains(document.activeElement) ? document.activeElement : null;
      group.list.insertBefore(card.element, group.list.children[index] ?? null);
      focused?.focus({ preventScroll: true });
      this.settle();
    });
  }

  card(alarm) {
    let card = this.cards.get(alarm.id);
    if (!card) {
      card = new Card(alarm.id, (work) => this.act(work));
      this.cards.set(alarm.id, card);
    }
    return card;
  }

  /** Cards have moved: a click right now was meant for another one, so none is taken for a moment (style.css). */
  settle() {
    this.element.classList.add("settling");
    clearTimeout(this.settled);
    this.settled = setTimeout(() => this.element.classList.remove("settling"), SETTLE_MS);
  }

  /** Do what a click on a card asks for. */
  async act(work) {
    try {
      const alarm = await work();
      if (alarm) this.changed(alarm);
    } catch (error) {
      toast(error.message, "error");
    }
  }

  /** Another second has passed. */
  tick() {
    for (const card of this.cards.values()) card.tick();
  }
}

class Card {
  constructor(id, act) {
    this.id = id;
    this.act = act;
    this.alarm = null;
    this.badge = el("span", { class: "badge" });
    this.kind = el("span", { class: "kind" });
    this.where = el("h3", { class: "where" });
    this.when = el("time", { class: "when" });
    this.age = el("span", { class: "age" });
    this.state = el("p", { class: "state" });
    this.facts = el("ul", { class: "facts" });
    this.drill = el("p", { class: "drill-mark" }, icon("drill"), el("strong", {}, words.drill), el("span", {}, words.drillNote));
    this.evidence = new Evidence();
    this.whyWrong = new WhyWrong();
    this.hint = el("p", { class: "hint" });
    this.buttons = {
      acknowledge: this.button("acknowledge", "primary", () => this.acknowledge()),
      close: this.button("close", "", () => askClose(this.alarm)),
      shelve: this.button("shelve", "quiet", () => askShelve(this.alarm)),
      unshelve: this.button("unshelve", "quiet", () => this.unshelve()),
      details: this.button("details", "quiet", () => showDetails(this.alarm)),
    };
    this.element = el("li", { class: "card" },
      el("div", { class: "body" }, this.drill, el("div", { class: "what" }, this.badge, this.kind), this.where,
        el("p", { class: "times" }, this.when, this.age), this.state, this.facts, this.whyWrong.element, this.evidence.element),
      el("div", { class: "acts" }, this.buttons.acknowledge, this.buttons.close, this.hint,
        el("div", { class: "lesser" }, this.buttons.shelve, this.buttons.unshelve, this.buttons.details)));
  }

  button(name, style, work) {
    const guarded = async () => {
      button.disabled = true;
      try {
        await this.act(work);
      } finally {
        button.disabled = false;
        if (this.alarm) this.update(this.alarm);
      }
    };
    const button = el("button", { type: "button", class: `act ${style}`, "data-act": name, onclick: guarded }, words[name]);
    return button;
  }

  async acknowledge() {
    setText(this.buttons.acknowledge, words.working);
    try {
      const alarm = await post(`/api/alarms/${this.id}/acknowledge`);
      toast(words.acknowledgedOk);
      return alarm;
    } finally {
      setText(this.buttons.acknowledge, words.acknowledge);
    }
  }

  async unshelve() {
    const alarm = await post(`/api/alarms/${this.id}/unshelve`);
    toast(words.unshelvedOk);
    return alarm;
  }

  update(alarm) {
    const looks = JSON.stringify({ ...alarm, revision: 0 });
    const same = this.looks === looks;
    this.looks = looks;
    this.alarm = alarm;
    this.updateButtons();
    if (same) return;
    const waiting = !isAcknowledged(alarm) && !isShelved(alarm);
    this.element.className = ["card", alarm.severity, waiting ? "waiting" : "handled", alarm.drill ? "drill" : "real", isSilent(alarm) ? "silent" : "audible"].join(" ");
    this.element.setAttribute("data-alarm", alarm.id);
    this.badge.replaceChildren(icon(alarm.drill ? "drill" : alarm.severity), words.severities[alarm.severity]);
    setText(this.kind, alarm.drill ? `${words.drill} · ${kindOf(alarm)}` : kindOf(alarm));
    setText(this.where, whereOf(alarm));
    this.drill.hidden = !alarm.drill;
    setText(this.state, stateOf(alarm));
    this.facts.replaceChildren(...factsOf(alarm).map((fact) => el("li", { class: fact.kind ?? null }, fact.text, fact.more ?? null)));
    this.tick();
  }

  updateButtons() {
    const alarm = this.alarm;
    const { acknowledge, close, shelve, unshelve } = this.buttons;
    acknowledge.hidden = isAcknowledged(alarm);
    close.hidden = !isAcknowledged(alarm);
    close.disabled = !isClosable(alarm);
    close.className = `act ${isClosable(alarm) ? "primary" : ""}`;
    shelve.hidden = !alarm.may_shelve || isShelved(alarm);
    unshelve.hidden = !isShelved(alarm);
    const hint = FAULTS.has(alarm.kind) ? words.hintFault : words.hintActive;
    setText(this.hint, isClosable(alarm) || !isAcknowledged(alarm) ? "" : hint);
  }

  tick() {
    const alarm = this.alarm;
    this.when.dateTime = alarm.raised_at;
    setText(this.when, time(alarm.raised_at));
    setText(this.age, ago(alarm.raised_at));
    if (!this.element.isConnected) return;
    this.evidence.tick(alarm);
    this.whyWrong.tick(alarm);
  }
}

/** The rest that matters, a line each. */
function factsOf(alarm) {
  const facts = [];
  const add = (text, kind, more) => facts.push({ text, kind, more });
  if (isSilent(alarm)) add(words.silentAlarm, "warning");
  if (alarm.repeats > 0) add(`${say(alarm.repeats === 1 ? words.againOnce : words.again, { n: alarm.repeats })}${words.stop}${say(words.last, { time: time(alarm.last_raised_at) })}`, "strong");
  if (alarm.escalation > 0) add(say(alarm.escalation === 1 ? words.escalatedOnce : words.escalated, { n: alarm.escalation }), "strong");
  if (!alarm.durable) add(words.notDurable, "warning");
  if (alarm.zone?.place) add(alarm.zone.place);
  if (alarm.zone?.responsible) add(`${words.responsible} ${alarm.zone.responsible} ${alarm.zone.phone}`.trim());
  if (alarm.silenced && !isSilent(alarm)) add("", "strong silenced", el("span", {}, icon("mute"), " ", say(words.silencedBy, { who: alarm.silenced.by.display, time: time(alarm.silenced.at) })));
  if (alarm.acknowledged_by) add(say(words.acknowledgedBy, { who: alarm.acknowledged_by.display, time: time(alarm.acknowledged_at) }));
  if (isShelved(alarm)) {
    add(say(words.shelvedUntil, { time: time(alarm.shelved_until), who: alarm.shelved_by?.display ?? "", reason: alarm.shelved_reason ?? "" }), "strong");
  }
  if (FAULTS.has(alarm.kind)) add(adviceFor(alarm), "advice");
  if (alarm.detail) add("", "advice", technical(alarm.detail));
  return facts;
}

