// What the live line does not carry is asked for: one question at a time, with a pause between them,
// so that an alarm storm costs the gateway no more of them than calm does.

import { get } from "./api.js";

const PAUSE_MS = 2000;

export class Poll {
  /** `take(answer)` is given each answer, `failed(error)` each refusal. */
  constructor(path, take, failed) {
    this.path = path;
    this.take = take;
    this.failed = failed;
    this.asking = false;
    this.asked = -Infinity;
  }

  /** Ask now, or as soon as may be. */
  ask() {
    this.wanted = true;
    if (this.asking || this.stopped) return;
    clearTimeout(this.again);
    const wait = this.asked + PAUSE_MS - performance.now();
    if (wait > 0) this.again = setTimeout(() => this.ask(), wait);
    else this.askNow();
  }

  async askNow() {
    this.asking = true;
    this.asked = performance.now();
    this.wanted = false;
    this.overtaken = false;
    try {
      const answer = await get(this.path);
      if (!this.overtaken && !this.stopped) this.take(answer);
    } catch (error) {
      if (!this.stopped) this.failed(error);
    } finally {
      this.asking = false;
    }
    if (this.wanted || this.overtaken) this.ask();
  }

  /** The live line has told something newer than the answer that is under way. */
  overtake() {
    this.overtaken = true;
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.again);
  }
}
