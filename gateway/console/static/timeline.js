// A day of one camera's footage as a bar: what was recorded, what was not and why. A click picks a time.

import { get } from "./api.js";
import { dateOf, dayStart, el, serverNow, setText, time } from "./dom.js";
import { say, words } from "./words.js";

const DAY_MS = 86400000;
const EVERY_MS = 30000;
const CAUSES = new Set(["camera", "network", "disk", "recorder", "clock", "stopped", "given-up"]);

const stamp = (at) => new Date(at).toISOString();

export class Timeline {
  /** `picked(at)` is given milliseconds since 1970. */
  constructor(camera, picked) {
    this.camera = camera;
    this.picked = picked;
    this.day = dayStart(serverNow());
    this.date = el("strong", { class: "day" });
    this.next = el("button", { type: "button", class: "act", onclick: () => this.move(1) }, words.nextDay);
    this.bar = el("div", { class: "bar-of-day", role: "img", onclick: (event) => this.click(event) });
    this.hover = el("p", { class: "dim bar-text" });
    this.bar.addEventListener("pointermove", (event) => this.tell(event));
    this.clock = el("input", { type: "time", step: "1", name: "at", "aria-label": words.pickTime, value: "08:00:00" });
    this.problem = el("p", { class: "problem", role: "alert" });
    this.element = el("section", { class: "timeline" }, el("h2", {}, words.timeline),
      el("div", { class: "day-row" }, el("button", { type: "button", class: "act", onclick: () => this.move(-1) }, words.previousDay), this.date, this.next,
        el("label", { class: "pick" }, this.clock), el("button", { type: "button", class: "act primary", "data-act": "play", onclick: () => this.pickClock() }, words.playFrom)),
      el("div", { class: "bar-frame" }, this.bar, hours()), this.hover, this.problem, legend());
  }

  start() {
    this.load();
    this.loading = setInterval(() => document.hidden || this.load(), EVERY_MS);
  }

  stop() {
    clearInterval(this.loading);
  }

  move(days) {
    this.day = dayStart(this.day + days * DAY_MS + DAY_MS / 2);
    this.load();
  }

  async load() {
    const day = this.day;
    setText(this.date, dateOf(day));
    this.next.disabled = day + DAY_MS > serverNow();
    try {
      const answer = await get(`/api/cameras/${encodeURIComponent(this.camera.id)}/recordings?from=${stamp(day)}&to=${stamp(day + DAY_MS)}`);
      if (day === this.day) this.show(answer);
      this.problem.textContent = "";
    } catch (error) {
      this.problem.textContent = error.message;
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
    this.bar.setAttribute("aria-label", answer.recorded.length ? say(words.footageFrom, { from: time(answer.oldest), to: time(answer.newest) }) : words.noFootage);
  }

  part({ from, to }, style, text) {
    const place = (at) => (100 * (Math.min(Math.max(Date.parse(at), this.day), this.day + DAY_MS) - this.day)) / DAY_MS;
    const whole = `${text} ${time(from)} – ${time(to)}`;
    const part = el("span", { class: `part ${style}`, title: whole, "data-text": whole });
    part.style.left = `${place(from)}%`;
    part.style.width = `max(1px, ${place(to) - place(from)}%)`;
    return part;
  }

  at(event) {
    const box = this.bar.getBoundingClientRect();
    return this.day + Math.round((DAY_MS * (event.clientX - box.left)) / box.width);
  }

  tell(event) {
    setText(this.hover, [time(stamp(this.at(event))), event.target.dataset.text].filter(Boolean).join(words.stop));
  }

  click(event) {
    this.picked(this.at(event));
  }

  pickClock() {
    const [hour, minute, second] = this.clock.value.split(":").map(Number);
    this.picked(this.day + ((hour * 60 + minute) * 60 + (second || 0)) * 1000);
  }
}

function hours() {
  return el("div", { class: "hours", "aria-hidden": "true" }, ...[0, 6, 12, 18, 24].map((hour) => el("span", {}, `${hour}`)));
}

function legend() {
  const entry = (style, text) => el("li", {}, el("span", { class: `part ${style}` }), text);
  return el("ul", { class: "legend" }, entry("recorded", words.recorded), ...[...CAUSES, "unknown"].map((cause) => entry(`gap ${cause}`, words.causes[cause])));
}
