// The questions of zones, points, outputs and panels: what is about to happen, and a reason where one is needed.

import { post } from "./api.js";
import { el } from "./dom.js";
import { ask, choice } from "./dialogs.js";
import { pointKind, say, words } from "./words.js";

/** Arm a zone; where points are open now, only after saying so. */
export async function arm(zone) {
  const send = () => post(`/api/zones/${zone.zone.id}/arm`);
  if (zone.active.length === 0) return send();
  const open = zone.active.map((point) => el("li", {}, `${point.name} · ${pointKind(point.kind)}`));
  return ask({
    title: words.arm,
    about: zone.zone.name,
    body: [el("p", { class: "strong" }, say(zone.exit_s > 0 ? words.armOpenLater : words.armOpenNow, { n: zone.active.length, s: zone.exit_s })), el("ul", { class: "listed" }, ...open)],
    confirm: words.armAnyway,
    send,
  });
}

/** Disarm a zone: at once while somebody is entering, for seconds count; else after a question. */
export function disarm(zone) {
  const send = () => post(`/api/zones/${zone.zone.id}/disarm`);
  if (zone.entry_until !== null) return send();
  return ask({ title: words.disarm, about: zone.zone.name, body: [el("p", {}, words.disarmLead)], confirm: words.disarm, send });
}

/** Bypass a point for a time, with a reason. */
export function bypass(point, zone) {
  const lengths = Object.entries(words.minutes).map(([minutes, text]) => choice("minutes", minutes, text, "", minutes === "60"));
  return ask({
    title: words.bypassTitle,
    about: [zone?.name, point.name, pointKind(point.kind)].filter(Boolean).join(words.stop),
    body: [
      el("p", { class: "strong" }, words.bypassLead),
      el("fieldset", { class: "choices" }, el("legend", {}, words.howLong), ...lengths),
      el("label", { class: "field" }, words.reason, el("input", { name: "reason", required: true, maxlength: "500", placeholder: words.bypassHint, autocomplete: "off" })),
    ],
    confirm: words.bypass,
    send: (form) => post(`/api/points/${point.id}/bypass`, { minutes: Number(form.get("minutes")), reason: form.get("reason").trim() }),
  });
}

/** End a bypass. */
export const restore = (point) => post(`/api/points/${point}/restore`);

/** Test an output: it really sounds. */
export function testOutput(output) {
  return ask({
    title: words.testTitle,
    about: output.name,
    body: [el("p", { class: "strong" }, words.testLead[output.kind])],
    confirm: words.testOutput,
    send: () => post(`/api/outputs/${output.id}/test`),
  });
}

/** Tell a panel something. Resolves to whether it was sent. */
export async function tell(device, command) {
  const send = (minutes) => post(`/api/devices/${device.id}/command`, minutes ? { command, minutes } : { command });
  const sent = async (minutes) => ((await send(minutes)), true);
  if (command === "read-state") return sent();
  const lengths = ["5", "10", "30", "60"].map((minutes) => choice("minutes", minutes, say(words.someMinutes, { n: minutes }), "", minutes === "10"));
  return ask({
    title: words.commands[command],
    about: device.name,
    body: [
      el("p", {}, words.commandLeads[command]),
      command === "guard-check" ? el("fieldset", { class: "choices" }, el("legend", {}, words.timeToAnswer), ...lengths) : null,
    ],
    confirm: words.sendCommand,
    send: (form) => sent(form.get("minutes") ? Number(form.get("minutes")) : undefined),
  });
}
