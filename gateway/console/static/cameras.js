// Cameras: a grid of current pictures; one of them live, with its timeline, playback and export.

import { technical } from "./advice.js";
import { get } from "./api.js";
import { el, icon, serverNow, time, toast } from "./dom.js";
import { Picture } from "./picture.js";
import { Playback } from "./playback.js";
import { LivePlayer } from "./player.js";
import { Timeline } from "./timeline.js";
import { WatchPanel } from "./watch.js";
import { say, words } from "./words.js";

const EVERY_MS = 5000;
const PRESENCE_ICONS = { online: "ok", offline: "off", unknown: "unknown" };

/** Where a camera is shown live; with a stamp, from when it is played. */
export const addressOf = (camera, stamp = null) => `#cameras/${encodeURIComponent(camera)}${stamp ? `/${encodeURIComponent(stamp)}` : ""}`;

export class CamerasView {
  constructor() {
    this.list = el("ul", { class: "cameras" });
    this.none = el("p", { class: "empty", hidden: true }, words.noCameras);
    this.problem = el("p", { class: "problem", role: "alert" });
    this.place = el("div", {});
    this.element = el("div", { class: "view" }, this.problem, this.none, this.place);
    this.tiles = new Map();
    this.cameras = [];
  }

  /** In view: all cameras, or one of them. */
  show([camera = "", stamp = ""]) {
    this.hide();
    this.visible = true;
    this.wanted = { camera: decodeURIComponent(camera), stamp: decodeURIComponent(stamp) };
    this.load();
    this.loading = setInterval(() => document.hidden || this.load(), EVERY_MS);
  }

  /** Out of view: ask for nothing more. */
  hide() {
    this.visible = false;
    clearInterval(this.loading);
    this.page?.stop();
    this.page = null;
    for (const tile of this.tiles.values()) tile.picture.stop();
    this.place.replaceChildren();
  }

  async load() {
    try {
      const answer = await get("/api/cameras");
      this.problem.textContent = "";
      this.cameras = answer.cameras;
    } catch (error) {
      this.problem.replaceChildren(icon("bad"), error.message);
    }
    if (this.visible) this.arrange();
  }

  arrange() {
    this.none.hidden = this.cameras.length > 0 || this.problem.textContent !== "";
    const camera = this.cameras.find((one) => one.id === this.wanted.camera);
    if (camera) this.showOne(camera);
    else this.showAll();
  }

  showOne(camera) {
    if (this.page) return this.page.update(camera);
    this.page = new CameraPage(camera, this.wanted.stamp);
    this.place.replaceChildren(this.page.element);
    return this.page.start();
  }

  showAll() {
    for (const camera of this.cameras) {
      if (!this.tiles.has(camera.id)) this.tiles.set(camera.id, new Tile(camera));
      const tile = this.tiles.get(camera.id);
      tile.update(camera);
      tile.picture.start();
      if (tile.element.parentElement !== this.list) this.list.append(tile.element);
    }
    if (this.list.parentElement !== this.place) this.place.replaceChildren(this.list);
  }
}

class Tile {
  constructor(camera) {
    this.picture = new Picture(camera, 640);
    this.state = el("p", { class: "camera-state" });
    this.element = el("li", { class: "camera", "data-camera": camera.id }, el("a", { href: addressOf(camera.id), "aria-label": `${words.liveView} ${camera.name}` }, this.picture.element),
      el("div", { class: "camera-name" }, el("h3", {}, camera.name, el("small", {}, camera.zone?.name ?? "")), this.state));
  }

  update(camera) {
    this.element.className = `camera ${camera.presence}`;
    this.state.replaceChildren(...stateOf(camera));
  }
}

class CameraPage {
  constructor(camera, stamp) {
    this.camera = camera;
    this.at = Date.parse(stamp);
    this.state = el("p", { class: "camera-state" });
    this.stage = el("div", { class: "stage" });
    this.watch = new WatchPanel(camera);
    this.timeline = new Timeline(camera, (at) => this.pick(at));
    this.element = el("div", { class: "camera-page", "data-camera": camera.id },
      el("div", { class: "camera-head" }, el("a", { class: "act", href: "#cameras" }, words.allCameras), el("h2", {}, camera.name, el("small", {}, camera.zone?.name ?? "")), this.state,
        el("button", { type: "button", class: "act", "data-act": "export", onclick: () => this.export() }, words.exportFootage)),
      this.stage, this.timeline.element, this.watch.element);
    this.update(camera);
  }

  start() {
    this.timeline.start();
    this.watch.start();
    if (Number.isNaN(this.at)) this.live();
    else this.play(this.at);
  }

  stop() {
    this.timeline.stop();
    this.watch.stop();
    this.player?.stop();
  }

  update(camera) {
    this.state.replaceChildren(...stateOf(camera));
  }

  live() {
    this.at = NaN;
    this.player?.stop();
    this.player = new LivePlayer(this.camera);
    this.stage.replaceChildren(this.player.element);
    this.player.start();
  }

  /** A time was picked below the picture, which may be out of sight on a phone. */
  pick(at) {
    this.play(at);
    this.stage.scrollIntoView({ block: "nearest" });
  }

  play(at) {
    this.at = at;
    if (!(this.player instanceof Playback)) {
      this.player?.stop();
      this.player = new Playback(this.camera, () => this.live());
      this.stage.replaceChildren(this.player.element);
    }
    this.player.open(at);
  }

  async export() {
    const from = Number.isNaN(this.at) ? Math.floor(serverNow() / 1000) * 1000 - 300000 : Math.floor(this.at / 1000) * 1000;
    const playback = this.player instanceof Playback ? this.player : new Playback(this.camera, () => this.live());
    await playback.export(from);
  }
}

function stateOf(camera) {
  const recording = camera.recording === null ? "" : camera.recording ? words.recordingNow : camera.recorded ? words.notRecording : words.neverRecorded;
  const facts = [words.presences[camera.presence], recording, camera.presence === "offline" && camera.since ? say(words.since, { time: time(camera.since) }) : ""];
  return [icon(PRESENCE_ICONS[camera.presence]), ` ${facts.filter(Boolean).join(words.stop)} `, technical(camera.presence === "offline" ? camera.reason : "")].filter(Boolean);
}
