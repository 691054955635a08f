// The desk: follows the gateway live, and shows what happens and where before anything else.

import { AccessLog } from "./accesslog.js";
import { isSilent, kindOf, whereOf } from "./alarm.js";
import { AlarmList } from "./alarms.js";
import { session, signOut, whyNoEvents } from "./api.js";
import { CamerasView } from "./cameras.js";
import { DevicesView } from "./devices.js";
import { askDrill } from "./dialogs.js";
import { el, serverNow, setServerTime, setText, setTimeZone, tickRemaining, toast } from "./dom.js";
import { Frame, VIEWS } from "./frame.js";
import { History } from "./lists.js";
import { Live } from "./live.js";
import { Noise, isWaiting } from "./noise.js";
import { Poll } from "./poll.js";
import { words } from "./words.js";
import { ZonesView, stateOf } from "./zones.js";

const SESSION_WARNING_MS = 30 * 60 * 1000;
const CLOCK_JUMP_MS = 5000;
const REVISIONS_KEPT = 2000;

/** What a signed-in guard sees, in `root`. `over(warning)` is called when the session has ended. */
export class Desk {
  constructor(root, sound, who, over) {
    this.sound = sound;
    this.who = who;
    this.over = over;
    this.alarms = new Map();
    this.devices = new Map();
    this.zones = [];
    this.bypasses = [];
    this.outputs = [];
    this.stale = false;
    this.revisions = new Map(); // of each alarm the newest that was told, open or closed
    this.version = null;
    this.heardAt = new Date().toISOString();
    this.frame = new Frame(root, who.display, {
      drill: who.role === "guard" ? null : () => this.drill(),
      enableSound: () => this.enableSound(),
      signOut: () => this.signOut(),
    });
    this.noise = new Noise(sound, this.frame.silence, this.frame.banners.sound);
    this.list = new AlarmList((alarm) => this.take([alarm]));
    this.zonesView = new ZonesView();
    this.devicesView = new DevicesView(who.role, () => this.polls.devices.ask());
    this.camerasView = new CamerasView();
    this.polls = this.makePolls();
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
    this.camerasView.hide();
    for (const poll of Object.values(this.polls)) poll.stop();
    for (const dialog of document.querySelectorAll("dialog")) dialog.close();
    clearInterval(this.ticking);
    removeEventListener("hashchange", this.onHash);
    this.sound.play(null);
  }

  /** What the live line does not carry: which points are open, how outputs are, what came of a command. */
  makePolls() {
    return {
      zones: new Poll("/api/zones", (answer) => {
        this.zonesView.failed("");
        this.takeZones(answer);
        this.showAll();
      }, (error) => this.zonesView.failed(error.message)),
      devices: new Poll("/api/devices", (answer) => {
        this.devicesView.failed("");
        this.takeDevices(answer);
        this.showAll();
      }, (error) => this.devicesView.failed(error.message)),
      outputs: new Poll("/api/outputs", (answer) => {
        this.outputs = answer.outputs;
        this.showAll();
      }, (error) => this.devicesView.outputs.failed(error.message)),
    };
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
    for (const poll of Object.values(this.polls)) poll.overtake();
    this.takeDevices(message);
    this.announce(message.alarms.filter((alarm) => !known.has(alarm.id)));
    setTimeZone(message.status.site.timezone);
    this.status = message.status;
    this.takeZones(message);
    this.showAll();
    this.frame.showStatus(message.status);
    this.polls.outputs.ask();
  }

  change(message) {
    this.heard(message);
    this.announce(message.alarms.filter((alarm) => !this.alarms.has(alarm.id) && alarm.closed_at === null));
    for (const presence of message.presences) {
      const device = this.devices.get(presence.device);
      if (device) this.devices.set(device.id, { ...device, ...presence });
    }
    if (message.presences.length) this.polls.devices.overtake();
    if (message.zones) {
      this.polls.zones.overtake();
      this.takeZones(message);
    }
    if (message.alarms.length && this.outputs.length) this.polls.outputs.ask();
    this.take(message.alarms);
  }

  beat(message) {
    this.heard(message);
    this.status = message.status;
    this.frame.showStatus(message.status);
    this.ask();
  }

  /** Ask for what is in view and not on the live line. */
  ask() {
    if (this.view === "zones") this.polls.zones.ask();
    if (this.view === "devices") this.polls.devices.ask();
    if (this.view === "devices" || (this.outputs.length && this.alarms.size)) this.polls.outputs.ask();
  }

  take(alarms) {
    for (const alarm of alarms) {
      if (!this.isNews(alarm)) continue;
      if (alarm.closed_at === null) this.alarms.set(alarm.id, alarm);
      else this.alarms.delete(alarm.id);
    }
    this.showAll();
  }

  takeDevices(message) {
    this.devices = new Map(message.devices.map((device) => [device.id, device]));
  }

  takeZones(message) {
    const before = new Set(this.entering().map((zone) => zone.zone.id));
    this.zones = message.zones;
    this.bypasses = message.bypasses;
    const fresh = this.entering().filter((zone) => !before.has(zone.zone.id));
    if (fresh.length) setText(document.getElementById("spoken"), fresh.map((zone) => `${zone.zone.name} ${words.zoneStates.entering}. ${words.enteringNote}`).join(" "));
  }

  entering() {
    return this.zones.filter((zone) => stateOf(zone) === "entering");
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
    const waiting = alarms.filter((alarm) => isWaiting(alarm) && !isSilent(alarm));
    if (waiting.length === 0) return;
    const texts = waiting.slice(0, 3).map((alarm) => `${alarm.drill ? words.drill : ""} ${kindOf(alarm)} ${whereOf(alarm)}`);
    setText(document.getElementById("spoken"), `${words.newAlarm}: ${texts.join("; ")}`);
  }

  setStale(stale, why = "") {
    this.stale = stale;
    if (stale) this.noise.forgetLost();
    this.frame.stale(stale, why, this.heardAt);
    this.showSound();
  }

  /** The line broke. If the gateway refused it, it has said why: too many pages, or a session that is over. */
  async lineBroke(refused) {
    await this.checkSession();
    if (!refused || this.left) return;
    const reason = await whyNoEvents();
    if (!reason || this.left) return;
    if (!this.stale) this.live.lose("silent");
    this.frame.refused(reason);
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
    const waiting = [...this.alarms.values()].filter(isWaiting);
    this.list.show(this.alarms);
    this.zonesView.show(this.zones, this.bypasses, this.status?.clock ?? "trusted");
    this.devicesView.show(this.devices, this.bypasses, this.outputs);
    this.frame.stand(this.zones, this.bypasses);
    this.frame.count("alarms", waiting.length);
    this.frame.count("zones", this.entering().length);
    this.frame.count("devices", [...this.devices.values()].filter((device) => device.presence === "offline").length);
    const named = waiting.find((alarm) => !isSilent(alarm));
    document.title = (waiting.length ? `(${waiting.length}) ` : "") + (named ? `${kindOf(named)} ${whereOf(named)}` : this.frame.site.textContent);
    this.showSound();
  }

  showSound() {
    this.noise.show([...this.alarms.values()], this.stale, this.outputs);
  }

  showView() {
    const [asked, ...rest] = location.hash.slice(1).split("/");
    this.view = VIEWS.includes(asked) ? asked : "alarms";
    this.frame.mark(this.view);
    const { list: alarms, zonesView: zones, devicesView: devices, camerasView: cameras } = this;
    const shown = { alarms, zones, devices, cameras }[this.view];
    if (shown) this.frame.show(shown.element);
    if (this.view === "cameras") cameras.show(rest);
    else cameras.hide();
    if (this.view === "history") this.frame.show(new History().load().element);
    if (this.view === "log") this.frame.show(new AccessLog().load().element);
    this.ask();
  }

  tick() {
    this.frame.status.tick(this.stale);
    if (!this.stale) {
      this.list.tick();
      tickRemaining();
    }
    this.frame.session(this.who.expires, Date.parse(this.who.expires) - serverNow() <= SESSION_WARNING_MS);
  }

  // ---- other acts

  async enableSound() {
    await this.sound.enable();
    if (!this.sound.blocked) {
      this.sound.sample();
      toast(words.soundReady);
    }
    this.showSound();
  }

  async drill() {
    await askDrill(this.zones.map((zone) => zone.zone));
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
