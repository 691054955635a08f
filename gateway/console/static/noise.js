// Sound of this browser, and 消音: what the gateway says is silenced is silent here too, until it says that somebody pressed again.

import { isAcknowledged, isShelved, isSilent } from "./alarm.js";
import { post } from "./api.js";
import { icon, toast } from "./dom.js";
import { say, words } from "./words.js";

const SOUND_ORDER = ["critical", "high", "medium", "low"];

export const isWaiting = (alarm) => !isAcknowledged(alarm) && !isShelved(alarm);

/** `button` silences, `blocked` is the banner that says that the browser blocks sound. */
export class Noise {
  constructor(sound, button, blocked) {
    this.sound = sound;
    this.button = button;
    this.blocked = blocked;
    this.muted = new Set(); // presses that were silenced here while the gateway could not be told
    this.button.addEventListener("click", () => this.silence());
    this.last = { alarms: [], stale: false, outputs: [] };
  }

  /** Sound as these alarms ask for it; `stale` is a sound of its own. */
  show(alarms, stale, outputs) {
    this.last = { alarms, stale, outputs };
    this.blocked.hidden = !this.sound.blocked;
    const heard = alarms.filter((alarm) => isWaiting(alarm) && !isSilent(alarm));
    const asked = heard.filter((alarm) => alarm.silenced === null).map((alarm) => [keyOf(alarm), alarm.drill ? "drill" : alarm.severity]);
    if (stale) asked.unshift(["lost", "lost"]);
    const still = new Set(asked.map(([key]) => key));
    for (const key of this.muted) if (!still.has(key)) this.muted.delete(key);
    const loud = asked.filter(([key]) => !this.muted.has(key)).map(([, pattern]) => pattern);
    this.sound.play(SOUND_ORDER.find((pattern) => loud.includes(pattern)) ?? loud[0] ?? null);
    this.showButton(loud.length > 0 || this.sirens(), heard.length > 0 || stale);
  }

  /** Whether a sounder of the school is on for an alarm that nobody has silenced. */
  sirens() {
    const { alarms, outputs } = this.last;
    const asks = alarms.some((alarm) => !isSilent(alarm) && alarm.silenced === null);
    return asks && outputs.some((output) => output.kind === "sounder" && output.actual && !output.testing);
  }

  showButton(loud, waiting) {
    this.button.hidden = !loud && !waiting;
    this.button.disabled = !loud || this.working === true;
    const text = this.working ? words.working : loud ? words.silence : words.silenced;
    if (this.shown === text) return;
    this.shown = text;
    this.button.replaceChildren(icon("mute"), text);
  }

  /** Silence everything; what the gateway has silenced it says itself. Without it, this browser at least. */
  async silence() {
    const { stale, alarms } = this.last;
    if (stale) this.mute();
    if (!alarms.some((alarm) => alarm.silenced === null)) return this.again();
    this.working = true;
    this.again();
    try {
      await post("/api/silence");
      toast(words.silencedOk);
    } catch (error) {
      toast(stale ? say(words.silencedHere, { reason: error.message }) : error.message, "error");
    } finally {
      this.working = false;
      this.again();
    }
    return undefined;
  }

  mute() {
    this.muted.add("lost");
    for (const alarm of this.last.alarms) this.muted.add(keyOf(alarm));
  }

  /** The line was lost anew. */
  forgetLost() {
    this.muted.delete("lost");
  }

  again() {
    this.show(this.last.alarms, this.last.stale, this.last.outputs);
  }
}

/** The press, so that a new one sounds again. */
const keyOf = (alarm) => `${alarm.id} ${alarm.last_raised_at}`;
