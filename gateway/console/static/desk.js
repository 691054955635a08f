// The desk: follows the gateway live, and shows what happens and where before anything else.

import { AlarmList, isAcknowledged, isShelved, isSilent, kindOf, whereOf } from "./alarms.js";
import { session, signOut, whyNoEvents } from "./api.js";
import { askDrill } from "./dialogs.js";
import { el, icon, serverNow, setServerTime, setText, setTimeZone, time, toast } from "./dom.js";
import { History, accessLog, deviceList } from "./lists.js";
import { Live } from "./live.js";
import { StatusLine } from "./status.js";
import { say, switchLanguage, words } from "./words.js";

const SOUND_ORDER = ["critical", "high", "medium", "low"];
const SESSION_WARNING_MS = 30 * 60 * 1000;
const CLOCK_JUMP_MS = 5000;
const REVISIONS_KEPT = 2000;
const VIEWS = ["alarms", "devices", "history", "log"];
const STALE_WORDS = {
  silent: [words.stale, words.staleNote],
  notShown: [words.notShown, words.notShownNote],
  displaced: [words.displaced, words.displacedNote],
};

/** What a signed-in guard sees, in `root`. `over(warning)` is called when the session has ended. */
export class Desk {
  constructor(root, sound, who, over) {
    this.root = root;
    this.sound = sound;
    this.who = who;
    this.over = over;
    this.alarms = new Map();
    this.devices = new Map();
    this.silenced = new Set();
    this.stale = false;
    this.revisions = new Map(); // of each alarm the newest that was told, open or closed
    this.version = null;
    this.heardAt = new Date().toISOString();
    this.list = new AlarmList((alarm) => this.take([alarm]));
    this.status = new StatusLine();
    this.build();
    this.live = new Live({
      snapshot: (message) => this.snapshot(message),
      change: (message) => this.change(message),
      beat: (message) => this.beat(message),
      stale: (stale, why) => this.setStale(stale, why),
      broken: (refused) => this.lineBroke(refused),
    });
    this.live.start();
    this.ticking = setInterval(() => this.tick(), 1000);
    this.onHash = () => this.showView();
    addEventListener("hashchange", this.onHash);
    this.showView();
    this.showSound();
  }

  leave() {
    this.left = true;
    this.live.stop();
    for (const dialog of document.querySelectorAll("dialog")) dialog.close();
    clearInterval(this.ticking);
    removeEventListener("hashchange", this.onHash);
    this.sound.play(null);
  }

  build() {
    const who = this.who;
    this.site = el("strong", { class: "site" }, words.title);
    this.silence = el("button", { type: "button", class: "act loud", hidden: true, onclick: () => this.silenceNow() }, icon("mute"), words.silence);
    this.badges = { alarms: el("b", { class: "nav-count", hidden: true }), devices: el("b", { class: "nav-count", hidden: true }) };
    this.tabs = VIEWS.map((view) => el("a", { href: `#${view}`, "data-view": view }, words[view], this.badges[view] ?? null));
    const drill = who.role === "guard" ? null : el("button", { type: "button", class: "act quiet", onclick: () => this.drill() }, words.startDrill);
    const people = el("div", { class: "people" }, drill, el("span", { class: "who" }, who.display),
      el("button", { type: "button", class: "act quiet", onclick: switchLanguage }, words.other),
      el("button", { type: "button", class: "act quiet", onclick: () => this.signOut() }, words.signOut));
    this.banners = {
      stale: el("div", { class: "banner stale", role: "alert", hidden: true }),
      sound: el("div", { class: "banner sound", hidden: true }, icon("mute"), el("strong", {}, words.soundBlocked),
        el("button", { type: "button", class: "act", onclick: () => this.enableSound() }, words.soundOn)),
      memory: el("div", { class: "banner memory", role: "alert", hidden: true }, icon("bad"), el("strong", {}, words.storageNote)),
      session: el("div", { class: "banner session", hidden: true }, icon("bad"), el("strong", {}),
        el("button", { type: "button", class: "act", onclick: () => this.signOut() }, words.signInAgain)),
    };
    this.main = el("main", { id: "main" });
    this.root.replaceChildren(
      el("header", {},
        el("div", { class: "bar" }, el("div", { class: "brand" }, icon("shield"), this.site), el("nav", {}, ...this.tabs), this.silence, people),
        this.status.element, ...Object.values(this.banners)),
      this.main);
  }

  // ---- what the gateway says

  /** The gateway has spoken: its time, and when it last did. */
  heard(message) {
    const jump = setServerTime(message.now);
    if (this.version !== null && jump > CLOCK_JUMP_MS) this.checkSession(); // the session ends at another hour now
    this.heardAt = message.now;
  }

  snapshot(message) {
    this.heard(message);
    if (this.version !== null && this.version !== message.status.version) location.reload();
    this.version = message.status.version;
    if (this.since !== message.status.since) this.revisions.clear(); // it began anew, and counts anew
    this.since = message.status.since;
    const known = new Set(this.alarms.keys());
    const told = message.alarms.map((alarm) => (this.isNews(alarm) ? alarm : this.alarms.get(alarm.id)));
    this.alarms = new Map(told.filter(Boolean).map((alarm) => [alarm.id, alarm]));
    this.devices = new Map(message.devices.map((device) => [device.id, device]));
    this.announce(message.alarms.filter((alarm) => !known.has(alarm.id)));
    setTimeZone(message.status.site.timezone);
    this.showAll();
    this.showStatus(message.status);
  }

  change(message) {
    this.heard(message);
    this.announce(message.alarms.filter((alarm) => !this.alarms.has(alarm.id) && alarm.closed_at === null));
    for (const presence of message.presences) {
      const device = this.devices.get(presence.device);
      if (device) this.devices.set(device.id, { ...device, ...presence });
    }
    this.take(message.alarms);
  }

  beat(message) {
    this.heard(message);
    this.showStatus(message.status);
  }

  take(alarms) {
    for (const alarm of alarms) {
      if (!this.isNews(alarm)) continue;
      if (alarm.closed_at === null) this.alarms.set(alarm.id, alarm);
      else this.alarms.delete(alarm.id);
    }
    this.showAll();
  }

  /** Whether nothing newer was told of this alarm: answers and the live line can overtake each other. */
  isNews(alarm) {
    if (alarm.revision < (this.revisions.get(alarm.id) ?? 0)) return false;
    this.revisions.delete(alarm.id);
    this.revisions.set(alarm.id, alarm.revision);
    if (this.revisions.size > REVISIONS_KEPT) this.revisions.delete(this.revisions.keys().next().value);
    return true;
  }

  /** Tell a screen reader. */
  announce(alarms) {
    const waiting = alarms.filter((alarm) => !isAcknowledged(alarm) && !isSilent(alarm));
    if (waiting.length === 0) return;
    const texts = waiting.slice(0, 3).map((alarm) => `${alarm.drill ? words.drill : ""} ${kindOf(alarm)} ${whereOf(alarm)}`);
    setText(document.getElementById("spoken"), `${words.newAlarm}: ${texts.join("; ")}`);
  }

  setStale(stale, why = "") {
    this.stale = stale;
    const banner = this.banners.stale;
    banner.hidden = !stale;
    document.body.classList.toggle("is-stale", stale);
    if (stale) {
      this.silenced.delete("lost");
      const [lead, note] = STALE_WORDS[why];
      banner.replaceChildren(icon("off"), el("div", {}, el("strong", {}, lead), el("p", {}, say(note, { time: time(this.heardAt) }))));
    }
    this.status.live(!stale);
    this.showSound();
  }

  /** The line broke. If the gateway refused it, it has said why: too many pages, or a session that is over. */
  async lineBroke(refused) {
    await this.checkSession();
    if (!refused || this.left) return;
    const reason = await whyNoEvents();
    if (!reason || this.left) return;
    if (!this.stale) this.live.lose("silent");
    this.banners.stale.querySelector("p").textContent = reason;
  }

  /** Perhaps the session is over. */
  async checkSession() {
    try {
      this.who = await session();
    } catch (error) {
      if (error.status === 401 && !this.left) this.over(words.sessionOver);
    }
  }

  // ---- showing

  showAll() {
    this.list.show(this.alarms);
    const waiting = this.waiting();
    const missing = [...this.devices.values()].filter((device) => device.presence === "offline").length;
    this.count(this.badges.alarms, waiting.length);
    this.count(this.badges.devices, missing);
    const named = waiting.find((alarm) => !isSilent(alarm));
    document.title = (waiting.length ? `(${waiting.length}) ` : "") + (named ? `${kindOf(named)} ${whereOf(named)}` : this.site.textContent);
    if (this.view === "devices") this.main.replaceChildren(deviceList(this.devices));
    this.showSound();
  }

  count(badge, number) {
    badge.hidden = number === 0;
    setText(badge, String(number));
  }

  showStatus(status) {
    setTimeZone(status.site.timezone);
    setText(this.site, status.site.name);
    this.banners.memory.hidden = status.durability !== "memory";
    this.status.show(status);
  }

  showView() {
    const asked = location.hash.slice(1);
    this.view = VIEWS.includes(asked) ? asked : "alarms";
    for (const tab of this.tabs) {
      if (tab.dataset.view === this.view) tab.setAttribute("aria-current", "page");
      else tab.removeAttribute("aria-current");
    }
    if (this.view === "alarms") this.main.replaceChildren(this.list.element);
    if (this.view === "devices") this.main.replaceChildren(deviceList(this.devices));
    if (this.view === "history") this.showHistory();
    if (this.view === "log") this.showLog();
  }

  showHistory() {
    const history = new History();
    this.main.replaceChildren(history.element);
    history.load();
  }

  async showLog() {
    this.main.replaceChildren(el("p", { class: "empty" }, words.loading));
    try {
      const list = await accessLog();
      if (this.view === "log") this.main.replaceChildren(list);
    } catch (error) {
      this.main.replaceChildren(el("p", { class: "empty" }, error.message));
    }
  }

  tick() {
    this.status.tick(this.stale);
    if (!this.stale) this.list.tick();
    const left = Date.parse(this.who.expires) - serverNow();
    const banner = this.banners.session;
    banner.hidden = left > SESSION_WARNING_MS;
    setText(banner.querySelector("strong"), say(words.sessionEnds, { time: time(this.who.expires) }));
  }

  // ---- sound: this browser only, never an acknowledgement

  waiting() {
    return [...this.alarms.values()].filter((alarm) => !isAcknowledged(alarm) && !isShelved(alarm));
  }

  /** What would sound: the press, so that a new one sounds again. */
  sounding() {
    return this.waiting().filter((alarm) => !isSilent(alarm)).map((alarm) => [`${alarm.id} ${alarm.last_raised_at}`, alarm.drill ? "drill" : alarm.severity]);
  }

  showSound() {
    this.banners.sound.hidden = !this.sound.blocked;
    const all = this.stale ? [["lost", "lost"], ...this.sounding()] : this.sounding();
    const loud = all.filter(([key]) => !this.silenced.has(key)).map(([, pattern]) => pattern);
    this.sound.play(SOUND_ORDER.find((pattern) => loud.includes(pattern)) ?? loud[0] ?? null);
    this.silence.hidden = all.length === 0;
    this.silence.disabled = loud.length === 0;
    this.silence.replaceChildren(icon("mute"), loud.length ? words.silence : words.silenced);
    const still = new Set(all.map(([key]) => key));
    for (const key of this.silenced) if (!still.has(key)) this.silenced.delete(key);
  }

  silenceNow() {
    for (const [key] of this.sounding()) this.silenced.add(key);
    if (this.stale) this.silenced.add("lost");
    this.showSound();
  }

  async enableSound() {
    await this.sound.enable();
    if (!this.sound.blocked) {
      this.sound.sample();
      toast(words.soundReady);
    }
    this.showSound();
  }

  // ---- other acts

  async drill() {
    const zones = new Map([...this.devices.values()].filter((device) => device.zone).map((device) => [device.zone.id, device.zone]));
    await askDrill([...zones.values()]);
  }

  async signOut() {
    try {
      await signOut();
    } catch (error) {
      if (error.status !== 401) return toast(error.message, "error");
    }
    return this.over("");
  }
}
