// A day of one camera's footage as a bar: what was recorded, what was not and why. A click picks a time.

import { get } from "./api.js";
import { clockShown, dateOf, dayStart, el, serverNow, setText, time, whenClockShows } from "./dom.js";
import { say, words } from "./words.js";

const DAY_MS = 86400000;
const EVERY_MS = 30000;
const AGAIN_MS = 3000;
const JUST_NOW_MS = 60000;
const LEAST_MS = 6000; // of what has only begun nothing can be played yet
const MORNING_S = 8 * 3600;
const CAUSES = new Set(["camera", "network", "disk", "recorder", "clock", "stopped", "given-up", "before"]);

const stamp = (at) => new Date(at).toISOString();

export class Timeline {
  /** `picked(at)` is given milliseconds since 1970. */
  constructor(camera, picked) {
    this.camera = camera;
    this.picked = picked;
    this.setDay(serverNow());
    this.date = el("strong", { class: "day" });
    this.next = el("button", { type: "button", class: "act", onclick: () => this.move(1) }, words.nextDay);
    this.hours = el("div", { class: "hours", "aria-hidden": "true" });
    this.bar = el("div", { class: "bar-of-day", role: "img", onclick: (event) => this.click(event) });
    this.hover = el("p", { class: "dim bar-text" });
    this.bar.addEventListener("pointermove", (event) => this.tell(event));
    this.clock = el("input", { type: "time", step: "1", name: "at", "aria-label": words.pickTime, value: clockShown(serverNow() - JUST_NOW_MS), oninput: () => { this.typed = true; } });
    this.problem = el("p", { class: "problem", role: "alert" });
    this.element = el("section", { class: "timeline" }, el("h2", {}, words.timeline),
      el("div", { class: "day-row" }, el("button", { type: "button", class: "act", onclick: () => this.move(-1) }, words.previousDay), this.date, this.next,
        el("label", { class: "pick" }, this.clock), el("button", { type: "button", class: "act primary", "data-act": "play", onclick: () => this.pickClock() }, words.playFrom)),
      el("div", { class: "bar-frame" }, this.bar, this.hours), this.hover, this.problem, legend());
  }

  start() {
    this.running = true;
    this.load();
    this.loading = setInterval(() => document.hidden || this.load(), EVERY_MS);
  }

  stop() {
    this.running = false;
    clearInterval(this.loading);
    clearTimeout(this.again);
  }

  move(days) {
    this.setDay(this.day + days * DAY_MS + DAY_MS / 2);
    this.load();
  }

  /** The day of a moment: of 23 or 25 hours where clocks change. */
  setDay(at) {
    this.day = dayStart(at);
    this.end = dayStart(this.day + DAY_MS + DAY_MS / 2);
    this.length = this.end - this.day;
  }

  async load() {
    clearTimeout(this.again);
    const day = this.day;
    setText(this.date, dateOf(day));
    this.next.disabled = this.end > serverNow();
    this.hours.replaceChildren(...hours(day, this.length));
    try {
      const answer = await get(`/api/cameras/${encodeURIComponent(this.camera.id)}/recordings?from=${stamp(day)}&to=${stamp(this.end)}`);
      if (day === this.day) this.show(answer);
      this.problem.textContent = "";
    } catch (error) {
      this.problem.textContent = error.message;
      if (this.running) this.again = setTimeout(() => this.load(), AGAIN_MS);
    }
  }

  show(answer) {
    const parts = answer.recorded.map((part) => this.part(part, "recorded", words.recorded));
    const until = Date.parse(answer.now);
    const gaps = answer.gaps.filter((gap) => Date.parse(gap.from) < until).map((gap) => {
      const cause = CAUSES.has(gap.cause) ? gap.cause : "unknown";
      return this.part({ from: gap.from, to: gap.to ?? answer.now }, `gap ${cause}`, say(words.gap, { cause: words.causes[cause] }));
    });
    this.bar.replaceChildren(...parts, ...gaps);
    this.suggest(answer.recorded.map((part) => [Date.parse(part.from), Date.parse(part.to)]));
    this.bar.setAttribute("aria-label", answer.recorded.length ? say(words.footageFrom, { from: time(answer.oldest), to: time(answer.newest) }) : words.noFootage);
  }

  /** A time that can be played, as long as nobody has typed one: a minute ago, or the morning of another day. */
  suggest(recorded) {
    if (this.typed || recorded.length === 0) return;
    const [latest, until] = recorded.findLast(([from, to]) => to - from > LEAST_MS) ?? recorded.at(-1);
    const morning = clockOn(this.day, MORNING_S);
    let at = Math.max(latest, until - JUST_NOW_MS);
    if (this.end <= serverNow()) at = recorded.some(([from, to]) => from <= morning && morning < to) ? morning : recorded[0][0];
    this.clock.value = clockShown(Math.ceil(at / 1000) * 1000);
  }

  part({ from, to }, style, text) {
    const place = (at) => (100 * (Math.min(Math.max(Date.parse(at), this.day), this.end) - this.day)) / this.length;
    const whole = `${text} ${time(from)} – ${time(to)}`;
    const part = el("span", { class: `part ${style}`, title: whole, "data-text": whole });
    part.style.left = `${place(from)}%`;
    part.style.width = `max(1px, ${place(to) - place(from)}%)`;
    return part;
  }

  at(event) {
    const box = this.bar.getBoundingClientRect();
    return this.day + Math.round((this.length * (event.clientX - box.left)) / box.width);
  }

  tell(event) {
    setText(this.hover, [time(stamp(this.at(event))), event.target.dataset.text].filter(Boolean).join(words.stop));
  }

  click(event) {
    this.picked(this.at(event));
  }

  pickClock() {
    const [hour, minute, second] = this.clock.value.split(":").map(Number);
    this.picked(clockOn(this.day, (hour * 60 + minute) * 60 + (second || 0)));
  }
}

/** When a clock of that day shows so many seconds since midnight. */
const clockOn = (day, seconds) => whenClockShows(seconds, day + seconds * 1000);

function hours(day, length) {
  const entry = (hour) => {
    const mark = el("span", {}, `${hour}`);
    mark.style.left = `${hour === 24 ? 100 : (100 * (clockOn(day, hour * 3600) - day)) / length}%`;
    return mark;
  };
  return [0, 6, 12, 18, 24].map(entry);
}

function legend() {
  const entry = (style, text) => el("li", {}, el("span", { class: `part ${style}` }), text);
  return el("ul", { class: "legend" }, entry("recorded", words.recorded), ...[...CAUSES, "unknown"].map((cause) => entry(`gap ${cause}`, words.causes[cause])));
}
