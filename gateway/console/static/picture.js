// One camera's current picture, asked for every 2 s while it is in view; it says how old it is, and turns grey when it is old.

import { getBlob } from "./api.js";
import { el, icon, serverNow, setText, span } from "./dom.js";
import { say, words } from "./words.js";

const EVERY_MS = 2000;
const AGAIN_MS = 5000;
const OLD_MS = 5000;
const AT_ONCE = 2; // a browser has six connections to the gateway, and alarms come first

let asking = 0;
const waiting = [];

/** Do it when fewer than so many are under way. */
async function inTurn(work) {
  if (asking >= AT_ONCE) await new Promise((resolve) => waiting.push(resolve));
  else asking += 1;
  try {
    return await work();
  } finally {
    if (waiting.length) waiting.shift()();
    else asking -= 1;
  }
}

export class Picture {
  constructor(camera, width) {
    this.path = `/api/cameras/${encodeURIComponent(camera.id)}/snapshot.jpg?width=${width}`;
    this.image = el("img", { alt: camera.name, hidden: true });
    this.age = el("p", { class: "picture-age", role: "status" }, words.loading);
    this.element = el("div", { class: "picture old" }, this.image, this.age);
    this.taken = null;
    this.problem = "";
  }

  start() {
    if (this.running) return;
    this.running = true;
    this.ticking = setInterval(() => this.tick(), 500);
    this.ask();
  }

  stop() {
    this.running = false;
    clearTimeout(this.again);
    clearInterval(this.ticking);
    this.asking?.abort();
  }

  async ask() {
    if (!this.running) return;
    const request = (this.asking = new AbortController());
    let wait = EVERY_MS;
    try {
      if (!document.hidden) await inTurn(async () => request.signal.aborted || this.show(await getBlob(this.path, request.signal)));
    } catch (error) {
      this.problem = error.message;
      wait = AGAIN_MS;
    }
    if (request.signal.aborted) return;
    this.tick();
    this.again = setTimeout(() => this.ask(), wait);
  }

  show({ blob, taken }) {
    const old = this.image.src;
    this.image.src = URL.createObjectURL(blob);
    if (old) URL.revokeObjectURL(old);
    this.image.hidden = false;
    this.taken = taken;
    this.problem = "";
  }

  tick() {
    const age = this.taken === null ? Infinity : serverNow() - this.taken;
    const old = age > OLD_MS;
    this.element.classList.toggle("old", old);
    if (this.taken === null) setText(this.age, this.problem || words.loading);
    else if (old) this.age.replaceChildren(icon("off"), [say(words.pictureOld, { age: span(age) }), this.problem].filter(Boolean).join(words.stop));
    else setText(this.age, say(words.pictureOf, { age: span(age) }));
  }
}
