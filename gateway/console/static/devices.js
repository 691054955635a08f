// Devices and whether they are there, their points with bypass (旁路), and what a panel can be told (查岗).

import { adviceForPresence, technical } from "./advice.js";
import { bypass, tell } from "./asks.js";
import { factsOf, restoreButton } from "./bypasses.js";
import { el, icon, time, toast, working } from "./dom.js";
import { OutputList } from "./outputs.js";
import { Rows } from "./rows.js";
import { pointKind, say, words } from "./words.js";

const PRESENCE_ICONS = { online: "ok", offline: "off", unknown: "unknown" };
const WORST_FIRST = ["offline", "unknown", "online"];
/** Nobody may bypass these, and a guard only those; the gateway refuses the rest by itself. */
const NEVER_BYPASSED = new Set(["panic", "duress", "fire"]);
const GUARDS_BYPASS = new Set(["intrusion", "door"]);
const GUARDS_TELL = new Set(["guard-check", "read-state"]);

export class DevicesView {
  /** `asked()` is called when a device was told something: what comes of it is to be asked for. */
  constructor(role, asked) {
    this.isGuard = role === "guard";
    this.asked = asked;
    this.outputs = new OutputList(!this.isGuard);
    this.list = el("ul", { class: "devices" });
    this.none = el("p", { class: "empty", hidden: true }, words.noDevices);
    this.problem = el("p", { class: "problem", role: "alert" });
    this.element = el("div", { class: "view" }, this.problem, this.outputs.element, el("h2", {}, words.devices), this.none, this.list);
    this.rows = new Rows(this.list, (shown) => this.device(shown));
  }

  /** Those that are not there first. */
  show(devices, bypasses, outputs) {
    const sorted = [...devices.values()].sort((a, b) => WORST_FIRST.indexOf(a.presence) - WORST_FIRST.indexOf(b.presence));
    this.none.hidden = sorted.length > 0;
    this.rows.show(sorted.map((device) => [device.id, { device, bypassed: bypasses.filter((one) => device.points.some((point) => point.id === one.point)) }]));
    this.outputs.show(outputs, devices);
  }

  failed(message) {
    this.problem.textContent = message;
  }

  device({ device, bypassed }) {
    const facts = [device.camera ? words.camera : device.connection, device.since ? say(words.since, { time: time(device.since) }) : null];
    return el("li", { class: `device ${device.presence}`, "data-device": device.id },
      el("div", { class: "presence" }, icon(PRESENCE_ICONS[device.presence]), el("span", {}, words.presences[device.presence])),
      el("div", { class: "grow" },
        el("h3", {}, device.name, el("small", {}, device.zone?.name ?? "")),
        el("p", { class: "dim" }, facts.filter(Boolean).join(words.stop)),
        el("p", { class: "advice" }, device.since ? adviceForPresence(device.presence) : ""), technical(device.reason),
        this.commands(device),
        device.points.length ? el("ul", { class: "points" }, ...device.points.map((point) => this.point(point, device, bypassed.find((one) => one.point === point.id)))) : null));
  }

  // ---- points

  point(point, device, set) {
    const name = el("span", { class: "point-name" }, el("b", {}, pointKind(point.kind)), ` ${point.name}`);
    if (set) {
      return el("li", { class: "point is-bypassed", "data-point": point.id }, icon("bypass"), name, el("span", { class: "grow" }, el("strong", {}, words.isBypassed), ` ${factsOf(set)}`), restoreButton(point.id));
    }
    return el("li", { class: "point", "data-point": point.id }, name, this.mayBypass(point) ? this.bypassButton(point, device) : null);
  }

  mayBypass(point) {
    return !NEVER_BYPASSED.has(point.kind) && (!this.isGuard || GUARDS_BYPASS.has(point.kind));
  }

  bypassButton(point, device) {
    return working(`bypass ${point.id}`, "quiet", words.bypass, async () => {
      const made = await bypass(point, point.zone ?? device.zone);
      if (made) toast(say(words.bypassedOk, { time: time(made.until) }));
    }, { "aria-label": `${words.bypass} ${point.name}` });
  }

  // ---- what it can be told

  commands(device) {
    const may = device.commands.filter((command) => !this.isGuard || GUARDS_TELL.has(command));
    const told = device.commanded;
    if (may.length === 0 && told === null) return null;
    const busy = told !== null && told.ended === null;
    const order = [...may].sort((a, b) => (b === "guard-check") - (a === "guard-check"));
    const buttons = order.map((command) => working(`tell ${command}`, "", words.commands[command], () => this.tell(device, command), { disabled: busy }));
    return el("div", { class: "commands" }, el("div", { class: "command-buttons" }, ...buttons), told ? outcome(told) : null);
  }

  async tell(device, command) {
    if (!(await tell(device, command))) return;
    toast(words.sent);
    this.asked();
  }
}

/** What came of the last command; the driver's own words are for technicians. */
function outcome(told) {
  const command = words.commands[told.command] ?? told.command;
  const given = say(words.toldBy, { who: told.by.display, time: time(told.since) });
  if (told.ended === null) {
    return el("p", { class: "outcome under-way", role: "status" }, icon("unknown"), el("span", {}, el("strong", {}, `${command}${words.stop}${words.awaiting}`), " ", el("span", { class: "dim" }, given)));
  }
  const came = words.outcomes[told.ok ? "done" : "failed"][told.command];
  return el("div", { class: `outcome ${told.ok ? "done" : "failed"}`, role: "status" }, icon(told.ok ? "ok" : "bad"),
    el("span", {}, el("strong", {}, `${command}${words.stop}${came}`), ` ${time(told.ended)}${words.stop}`, el("span", { class: "dim" }, given), technical(told.reason)));
}
