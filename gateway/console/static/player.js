// Live video of one camera: what the gateway records, fragment by fragment, in a <video>. It never claims to be live when
// it is not: it says how old the picture is, its way here included, and turns grey when that is too old. Where the browser can't play it,
// pictures are shown instead, and that is said.

import { openStream } from "./api.js";
import { el, icon, serverNow, setText, span } from "./dom.js";
import { Picture } from "./picture.js";
import { Reference } from "./reference.js";
import { say, words } from "./words.js";

const OLD_MS = 5000;
const AGAIN_MS = 2500;
const KEEP_S = 20;
const BEHIND_S = 4;
const BEHIND_AFTER_JUMP_S = 1.5;

export class LivePlayer {
  constructor(camera) {
    this.camera = camera;
    this.video = el("video", { playsinline: true, "aria-label": camera.name });
    this.video.muted = true;
    this.video.addEventListener("error", () => this.reading?.abort());
    this.age = el("p", { class: "picture-age", role: "status" }, words.connectingLive);
    this.note = el("p", { class: "advice" });
    this.stage = el("div", { class: "picture live old" }, this.video, this.age);
    this.element = el("div", { class: "player" }, this.stage, this.note);
    this.failures = 0;
    this.reference = null;
    this.problem = "";
  }

  start() {
    this.running = true;
    this.ticking = setInterval(() => this.tick(), 500);
    if ("MediaSource" in window) this.open();
    else this.fallBack();
  }

  stop() {
    this.running = false;
    clearTimeout(this.again);
    clearInterval(this.ticking);
    this.reading?.abort();
    this.pictures?.stop();
    this.video.removeAttribute("src");
    this.video.load();
  }

  async open() {
    const reading = (this.reading = new AbortController());
    try {
      const response = await openStream(`/api/cameras/${encodeURIComponent(this.camera.id)}/live`, reading.signal);
      const type = response.headers.get("Content-Type");
      if (!MediaSource.isTypeSupported(type)) {
        reading.abort();
        return this.fallBack();
      }
      await this.play(type, response.body.getReader(), reading.signal);
      this.problem = words.liveEnded;
    } catch (error) {
      if (this.video.error && (this.failures += 1) > 1) {
        reading.abort();
        return this.fallBack();
      }
      this.problem = error.name === "AbortError" ? words.liveEnded : error.message;
    }
    reading.abort();
    if (this.running) this.again = setTimeout(() => this.open(), AGAIN_MS);
    return null;
  }

  async play(type, reader, signal) {
    this.reference = null;
    const source = new MediaSource();
    const address = URL.createObjectURL(source);
    this.video.src = address;
    await once(source, "sourceopen", signal);
    URL.revokeObjectURL(address);
    const buffer = source.addSourceBuffer(type);
    const reference = new Reference();
    for (;;) {
      const { done, value } = await reader.read();
      if (done || signal.aborted || !this.running) return;
      reference.feed(value);
      buffer.appendBuffer(value);
      await once(buffer, "updateend", signal);
      this.reference = reference;
      this.problem = "";
      this.keepUp();
      if (this.video.readyState >= 2) this.failures = 0;
      if (buffer.buffered.length && buffer.buffered.start(0) < this.video.currentTime - 2 * KEEP_S) {
        buffer.remove(0, this.video.currentTime - KEEP_S);
        await once(buffer, "updateend", signal);
      }
    }
  }

  /** Play, and never far behind what has arrived. */
  keepUp() {
    const { buffered } = this.video;
    if (!buffered.length) return;
    const end = buffered.end(buffered.length - 1);
    if (end - this.video.currentTime > BEHIND_S) this.video.currentTime = Math.max(buffered.start(buffered.length - 1), end - BEHIND_AFTER_JUMP_S);
    if (this.video.paused) this.video.play().catch(() => { this.problem = words.liveBlocked; });
  }

  /** How old what is on the screen is, by the gateway's clock; infinite while nothing is. */
  ageMs() {
    const came = this.video.readyState >= 2 ? (this.reference?.cameAt(this.video.currentTime) ?? null) : null;
    if (came !== null) this.shown = came;
    return this.shown === undefined ? Infinity : Math.max(0, serverNow() - this.shown);
  }

  tick() {
    if (this.pictures) return;
    const age = this.ageMs();
    const old = age > OLD_MS || this.video.readyState < 2;
    this.stage.classList.toggle("old", old);
    this.stage.dataset.live = String(!old);
    if (age === Infinity) setText(this.age, this.problem || words.connectingLive);
    else if (old) this.age.replaceChildren(icon("off"), [say(words.pictureOld, { age: span(age) }), this.problem].filter(Boolean).join(words.stop));
    else this.age.replaceChildren(el("b", { class: "live-mark" }, words.live), ` ${say(words.liveDelay, { age: span(age) })}`);
  }

  fallBack() {
    if (!this.running) return;
    this.note.textContent = words.cannotPlay;
    this.pictures = new Picture(this.camera, 1280);
    this.stage.replaceWith(this.pictures.element);
    this.pictures.start();
  }
}

function once(target, event, signal) {
  return new Promise((resolve, reject) => {
    const fail = () => reject(new DOMException(event, "AbortError"));
    if (signal.aborted) fail();
    signal.addEventListener("abort", fail, { once: true });
    target.addEventListener(event, () => {
      signal.removeEventListener("abort", fail);
      resolve();
    }, { once: true });
  });
}
