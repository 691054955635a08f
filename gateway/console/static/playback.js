// Footage of a time: 5 minutes of it with seeking, and export with a reason. It always says which time it shows.

import { getReady } from "./api.js";
import { ask, choice } from "./dialogs.js";
import { el, serverNow, setText, time } from "./dom.js";
import { say, words } from "./words.js";

const LENGTH_MS = 5 * 60000;
const NOT_YET_MS = 3000; // what is being written is there a little later

const stamp = (at) => new Date(at).toISOString();

export class Playback {
  /** `closed()` goes back to live. */
  constructor(camera, closed) {
    this.camera = camera;
    this.video = el("video", { controls: true, playsinline: true, "aria-label": words.playback });
    this.video.muted = true;
    this.video.addEventListener("timeupdate", () => this.tick());
    this.when = el("p", { class: "picture-age", role: "status" });
    this.problem = el("p", { class: "problem", role: "alert" });
    this.element = el("div", { class: "player" }, el("div", { class: "picture playback" }, this.video, this.when), this.problem,
      el("div", { class: "player-acts" }, el("button", { type: "button", class: "act", onclick: closed }, words.backToLive),
        el("button", { type: "button", class: "act", onclick: () => this.open(this.from - LENGTH_MS) }, words.earlier),
        el("button", { type: "button", class: "act", onclick: () => this.open(this.to) }, words.later)));
    this.shown = [];
  }

  address(from, to, reason = null) {
    const why = reason === null ? "" : `&reason=${encodeURIComponent(reason)}`;
    return `/api/cameras/${encodeURIComponent(this.camera.id)}/clip?from=${stamp(from)}&to=${stamp(to)}${why}`;
  }

  async open(from) {
    this.stop();
    const asking = (this.asking = new AbortController());
    this.from = Math.floor(from / 1000) * 1000;
    this.to = Math.min(this.from + LENGTH_MS, Math.floor((serverNow() - NOT_YET_MS) / 1000) * 1000);
    this.shown = [];
    this.problem.textContent = this.to > this.from ? "" : words.notYet;
    if (this.to <= this.from) return;
    setText(this.when, words.preparing);
    try {
      const response = await getReady(this.address(this.from, this.to), asking.signal);
      this.shown = (response.headers.get("X-Footage") ?? "").split(", ").filter(Boolean).map((part) => part.split("/").map((at) => Date.parse(at)));
      this.video.src = this.address(this.from, this.to);
      this.video.play().catch(() => {});
      this.tick();
    } catch (error) {
      if (asking.signal.aborted) return;
      setText(this.when, "");
      this.problem.textContent = error.message;
    }
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
        await getReady(found, AbortSignal.timeout(600000));
        return found;
      },
    });
    if (address) el("a", { href: address, download: "" }).click();
  }
}
