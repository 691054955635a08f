// Footage of a time: 5 minutes of it with seeking, and export with a reason. It always says which time it shows.

import { getReady } from "./api.js";
import { ask, choice } from "./dialogs.js";
import { el, icon, serverNow, setText, time, toast } from "./dom.js";
import { say, words } from "./words.js";

const LENGTH_MS = 5 * 60000;
const NOT_YET_MS = 3000; // what is being written is there a little later

const stamp = (at) => new Date(at).toISOString();

const intervals = (response, header) => (response.headers.get(header) ?? "").split(", ").filter(Boolean).map((part) => part.split("/").map((at) => Date.parse(at)));
const leftOutText = ([from, to]) => say(words.leftOut, { from: time(stamp(from)), to: time(stamp(to)) });

export class Playback {
  /** `closed()` goes back to live. */
  constructor(camera, closed) {
    this.camera = camera;
    this.video = el("video", { controls: true, playsinline: true, "aria-label": words.playback });
    this.video.muted = true;
    this.video.addEventListener("timeupdate", () => this.tick());
    this.when = el("p", { class: "picture-age", role: "status" });
    this.problem = el("p", { class: "problem", role: "alert" });
    this.rest = el("div", { class: "player-acts" });
    this.element = el("div", { class: "player" }, el("div", { class: "picture playback" }, this.video, this.when), this.problem, this.rest,
      el("div", { class: "player-acts" }, el("button", { type: "button", class: "act", onclick: closed }, words.backToLive),
        el("button", { type: "button", class: "act", onclick: () => this.open(this.from - LENGTH_MS) }, words.earlier),
        el("button", { type: "button", class: "act", onclick: () => this.open(this.to) }, words.later)));
    this.shown = [];
  }

  address(from, to, reason = null) {
    const why = reason === null ? "" : `&reason=${encodeURIComponent(reason)}`;
    return `/api/cameras/${encodeURIComponent(this.camera.id)}/clip?from=${stamp(from)}&to=${stamp(to)}${why}`;
  }

  async open(from, until = Infinity) {
    this.stop();
    const asking = (this.asking = new AbortController());
    this.from = Math.floor(from / 1000) * 1000;
    this.to = Math.min(this.from + LENGTH_MS, until, Math.floor((serverNow() - NOT_YET_MS) / 1000) * 1000);
    this.shown = [];
    this.rest.replaceChildren();
    this.problem.textContent = this.to > this.from ? "" : words.notYet;
    if (this.to <= this.from) return;
    setText(this.when, words.preparing);
    try {
      const response = await getReady(this.address(this.from, this.to), asking.signal);
      this.shown = intervals(response, "X-Footage");
      this.rest.replaceChildren(...intervals(response, "X-Footage-Left-Out").map((part) => this.leftOut(part)));
      this.video.src = this.address(this.from, this.to);
      this.video.play().catch(() => {});
      this.tick();
    } catch (error) {
      if (asking.signal.aborted) return;
      setText(this.when, "");
      this.problem.textContent = error.message;
    }
  }

  /** What this clip can't hold, and the way to it. */
  leftOut([from, to]) {
    return el("button", { type: "button", class: "act", "data-act": "left-out", onclick: () => this.open(from, to) }, icon("bad"), leftOutText([from, to]));
  }

  stop() {
    this.asking?.abort();
    this.video.removeAttribute("src");
    this.video.load();
  }

  /** The time that is on the screen: holes in the footage are closed up in the clip. */
  tick() {
    let left = this.video.currentTime * 1000;
    for (const [from, to] of this.shown) {
      if (left <= to - from) return setText(this.when, say(words.playbackOf, { time: time(stamp(from + left)) }));
      left -= to - from;
    }
    return setText(this.when, this.shown.length ? say(words.playbackOf, { time: time(stamp(this.shown.at(-1)[1])) }) : words.playback);
  }

  /** Ask for a reason, and save the footage from there. */
  async export(from) {
    const lengths = ["1", "5", "15", "60"].map((minutes) => choice("minutes", minutes, say(words.someMinutes, { n: minutes }), "", minutes === "5"));
    const address = await ask({
      title: words.exportTitle,
      about: `${this.camera.name} · ${time(stamp(from))}`,
      body: [el("p", {}, words.exportLead), el("fieldset", { class: "choices" }, el("legend", {}, words.howLong), ...lengths),
        el("label", { class: "field" }, words.reason, el("input", { name: "reason", required: true, minlength: "2", maxlength: "500", placeholder: words.exportHint, autocomplete: "off" }))],
      confirm: words.exportNow,
      send: async (form) => {
        const to = Math.min(from + Number(form.get("minutes")) * 60000, Math.floor((serverNow() - NOT_YET_MS) / 1000) * 1000);
        if (to <= from) throw new Error(words.notYet);
        const found = this.address(from, to, form.get("reason").trim());
        const response = await getReady(found, AbortSignal.timeout(600000));
        for (const part of intervals(response, "X-Footage-Left-Out")) toast(leftOutText(part), "error");
        return found;
      },
    });
    if (address) el("a", { href: address, download: "" }).click();
  }
}
