// The questions: with which verdict to close, for how long to shelve, where to drill; and an alarm's whole story.

import { adviceFor, technical } from "./advice.js";
import { get, post } from "./api.js";
import { el, icon, time, toast } from "./dom.js";
import { kindOf, responseOf, stateOf, whereOf } from "./alarm.js";
import { say, words } from "./words.js";

/** Close an alarm; resolves to what it became, or null if the guard thought better of it. */
export function askClose(alarm) {
  const needed = alarm.severity === "critical" || alarm.severity === "high";
  const verdicts = ["real", "false", "test", ...(alarm.drill ? ["drill"] : [])];
  const choices = verdicts.map((verdict) => choice("verdict", verdict, words.verdicts[verdict], words.verdictNotes[verdict]));
  if (!needed) choices.push(choice("verdict", "", words.noVerdict, "", true));
  return ask({
    title: words.closeTitle,
    about: aboutOf(alarm),
    body: [el("fieldset", { class: "choices" }, el("legend", {}, words.closeLead), ...choices)],
    confirm: words.close,
    send: (form) => {
      const verdict = form.get("verdict");
      if (verdict === null) throw new Error(words.verdictNeeded);
      return post(`/api/alarms/${alarm.id}/close`, { verdict: verdict || null });
    },
    done: words.closedOk,
  });
}

/** Shelve an alarm for a time. */
export function askShelve(alarm) {
  const lengths = Object.entries(words.minutes).map(([minutes, text]) => choice("minutes", minutes, text, "", minutes === "60"));
  return ask({
    title: words.shelveTitle,
    about: aboutOf(alarm),
    body: [
      el("p", {}, words.shelveLead),
      el("fieldset", { class: "choices" }, el("legend", {}, words.howLong), ...lengths),
      el("label", { class: "field" }, words.reason, el("input", { name: "reason", required: true, maxlength: "500", placeholder: words.reasonHint, autocomplete: "off" })),
    ],
    confirm: words.shelve,
    send: (form) => post(`/api/alarms/${alarm.id}/shelve`, { minutes: Number(form.get("minutes")), reason: form.get("reason").trim() }),
    done: words.shelvedOk,
  });
}

/** Announce a drill in one of these zones, or everywhere. */
export async function askDrill(zones) {
  const lengths = ["30", "60", "240"].map((minutes) => choice("minutes", minutes, words.minutes[minutes], "", minutes === "30"));
  const places = [el("option", { value: "" }, words.everywhere), ...zones.map((zone) => el("option", { value: zone.id }, zone.name))];
  const answer = await ask({
    title: words.drillTitle,
    body: [
      el("p", {}, words.drillLead),
      el("label", { class: "field" }, words.zone, el("select", { name: "zone" }, ...places)),
      el("fieldset", { class: "choices" }, el("legend", {}, words.howLong), ...lengths),
    ],
    confirm: words.startDrill,
    send: (form) => post("/api/drills", { zone: form.get("zone") || null, minutes: Number(form.get("minutes")) }),
  });
  if (answer) toast(say(words.drillStarted, { time: time(answer.until) }));
}

/** The whole story of an alarm, step by step. */
export async function showDetails(alarm) {
  const answer = await get(`/api/alarms/${alarm.id}`);
  const steps = answer.events.map((event) => el("li", { class: event.durable ? null : "not-durable" },
    el("time", { datetime: event.at }, time(event.at)),
    el("strong", {}, words.steps[event.type.split(".")[2]] ?? event.type),
    el("span", {}, [event.camera?.name, event.actor?.display, event.durable ? null : words.notDurable].filter(Boolean).join(words.stop))));
  const found = answer.alarm;
  const facts = [stateOf(found), responseOf(found), found.verdict ? words.verdicts[found.verdict] : ""].filter(Boolean);
  const dialog = open(words.details, aboutOf(found), [el("p", {}, facts.join(words.stop)), el("p", {}, adviceFor(found)),
    technical(found.detail), el("ol", { class: "steps" }, ...steps)],
    [el("button", { type: "button", class: "act primary", onclick: () => dialog.close() }, words.done)]);
  return null;
}

/** One of several answers. */
export function choice(name, value, text, note = "", checked = false) {
  return el("label", { class: "choice" }, el("input", { type: "radio", name, value, checked }), el("span", { class: "choice-text" }, el("strong", {}, text), note ? el("small", {}, note) : null));
}

/** A dialog with a form. Resolves to what `send` returned, or null; refusals are shown in place and the guard may try again. */
export function ask({ title, about = "", body, confirm, send, done = "" }) {
  return new Promise((resolve) => {
    let result = null;
    const problem = el("p", { class: "problem", role: "alert" });
    const submit = el("button", { type: "submit", class: "act primary" }, confirm);
    const form = el("form", { method: "dialog", class: "form" }, ...body, problem,
      el("div", { class: "form-acts" }, el("button", { type: "button", class: "act", onclick: () => dialog.close() }, words.cancel), submit));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      submit.disabled = true;
      problem.textContent = "";
      try {
        result = await send(new FormData(form));
        if (done) toast(done);
        dialog.close();
      } catch (error) {
        problem.replaceChildren(icon("bad"), error.message);
      } finally {
        submit.disabled = false;
      }
    });
    const dialog = open(title, about, [form], []);
    dialog.addEventListener("close", () => resolve(result));
  });
}

const aboutOf = (alarm) => `${alarm.drill ? `${words.drill} · ` : ""}${kindOf(alarm)} · ${whereOf(alarm)}`;

function open(title, about, body, buttons) {
  const heading = el("h2", { id: "dialog-title" }, title);
  const dialog = el("dialog", { "aria-labelledby": "dialog-title" }, heading, about ? el("p", { class: "about" }, about) : null, ...body, ...buttons);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}
