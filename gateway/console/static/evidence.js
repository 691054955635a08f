// What cameras saw of an alarm, beside it: pictures as soon as they exist, clips when they are whole, and the way to live.

import { get } from "./api.js";
import { addressOf } from "./cameras.js";
import { el, icon, setText, time } from "./dom.js";
import { say, words } from "./words.js";

const EVERY_MS = 2000;
const OFTEN_MS = 3 * 60000; // a clip is there a minute or two after the press
const SELDOM_MS = 60000;

let asking = false; // one question at a time for all cards, so that a storm costs no more than calm
let names = null; // of the cameras, asked for once

/** What a camera is called; its id while nobody has said. */
async function nameOf(camera) {
  names ??= get("/api/cameras").then(({ cameras }) => new Map(cameras.map((one) => [one.id, one.name])));
  try {
    return (await names).get(camera) ?? camera;
  } catch (error) {
    console.warn(error.message); // the next alarm asks again
    names = null;
    return camera;
  }
}

export class Evidence {
  constructor() {
    this.strip = el("ul", { class: "evidence" });
    this.cameras = el("p", { class: "evidence-cameras" });
    this.element = el("div", { class: "seen", hidden: true }, this.strip, this.cameras);
    this.asked = -Infinity;
    this.shown = "";
  }

  /** Another second has passed. */
  tick(alarm) {
    if (this.alarm !== alarm) this.follow(alarm);
    if (alarm.cameras.length === 0 || asking || document.hidden) return;
    const young = performance.now() - this.pressed < OFTEN_MS;
    if (performance.now() - this.asked >= (young && !this.complete ? EVERY_MS : SELDOM_MS)) this.ask(alarm);
  }

  follow(alarm) {
    if (this.alarm?.last_raised_at !== alarm.last_raised_at) {
      this.pressed = performance.now();
      this.complete = false;
    }
    this.alarm = alarm;
    this.element.hidden = alarm.cameras.length === 0;
    const cameras = alarm.cameras.join(" ");
    if (cameras === this.linked) return;
    this.linked = cameras;
    this.cameras.replaceChildren(...alarm.cameras.map(liveLink));
  }

  async ask(alarm) {
    asking = true;
    this.asked = performance.now();
    try {
      this.show((await get(`/api/alarms/${encodeURIComponent(alarm.id)}/evidence`)).evidence);
    } catch (error) {
      console.warn(error.message); // the alarm itself is what matters; it is asked for again
    } finally {
      asking = false;
    }
  }

  show(evidence) {
    this.complete = evidence.length > 0 && evidence.every((one) => one.state !== "waiting");
    const looks = JSON.stringify(evidence);
    if (looks === this.shown) return;
    this.shown = looks;
    this.strip.replaceChildren(...evidence.map(piece));
  }
}

function liveLink(camera) {
  const text = el("span", {}, `${words.liveView} ${camera}`);
  nameOf(camera).then((name) => setText(text, `${words.liveView} ${name}`));
  return el("a", { class: "act quiet", href: addressOf(camera), "data-live": camera }, icon("lit"), text);
}

/** What a picture shows: its own moment once there is one, for it may be older or later than the press. */
const momentOf = (one) => (one.kind === "snapshot" && one.state === "done" ? one.from : one.at);

function piece(one) {
  const file = `/api/evidence/${encodeURIComponent(one.id)}/file`;
  const what = `${words.evidenceKinds[one.kind]}${words.stop}${one.name}${words.stop}${time(momentOf(one))}`;
  if (one.state === "waiting") return el("li", { class: "evidence-waiting" }, what, words.stop, words.evidenceWaiting);
  if (one.state === "failed") return el("li", { class: "evidence-failed" }, icon("bad"), what, words.stop, say(words.evidenceFailed, { reason: one.reason }));
  const shown = one.kind === "snapshot" ? el("img", { src: file, alt: what, loading: "lazy" }) : el("span", { class: "act" }, icon("ok"), words.evidenceKinds.clip);
  return el("li", { "data-evidence": one.kind }, el("a", { href: file, target: "_blank", rel: "noopener", title: what }, shown), el("small", {}, `${one.name} ${time(momentOf(one))}`));
}
