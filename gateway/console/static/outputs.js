// Sounders, strobes and relays: on, off or failed, and when each was last tested.

import { technical } from "./advice.js";
import { testOutput } from "./asks.js";
import { el, icon, time, toast, working } from "./dom.js";
import { Rows } from "./rows.js";
import { say, words } from "./words.js";

const ICONS = { failed: "bad", off: "ok", unknown: "unknown" };
const ON_ICONS = { sounder: "sounding", strobe: "lit", relay: "ok" };

export class OutputList {
  constructor(mayTest) {
    this.list = el("ul", { class: "devices" });
    this.problem = el("p", { class: "problem", role: "alert" });
    this.element = el("section", { hidden: true }, el("h2", {}, words.outputs), this.problem, this.list);
    this.rows = new Rows(this.list, (shown) => row(shown, mayTest));
  }

  show(outputs, devices) {
    this.problem.textContent = "";
    this.element.hidden = outputs.length === 0;
    this.rows.show(outputs.map((output) => [output.id, { output, device: devices.get(output.device)?.name ?? output.device }]));
  }

  /** What is shown is not known to be so any more. */
  failed(message) {
    this.problem.textContent = message;
  }
}

function stateOf(output) {
  if (output.reason) return "failed";
  if (output.testing) return "testing";
  if (output.actual === null) return "unknown";
  if (output.wanted !== null && output.wanted !== output.actual) return "failed";
  return output.actual ? "on" : "off";
}

function row({ output, device }, mayTest) {
  const state = stateOf(output);
  return el("li", { class: `device output ${state}`, "data-output": output.id },
    el("div", { class: "presence" }, icon(ICONS[state] ?? ON_ICONS[output.kind]), el("span", {}, words.outputStates[state])),
    el("div", { class: "grow" },
      el("h3", {}, output.name, el("small", {}, words.outputKinds[output.kind])),
      el("p", { class: "dim" }, device),
      state === "failed" ? el("p", { class: "advice" }, words.outputFailed) : null, technical(output.reason),
      el("p", { class: output.last_test?.ok === false ? "strong" : "dim" }, tested(output))),
    mayTest ? working("test", "", words.testOutput, () => test(output)) : null);
}

/** When it was tested, how that went, and whether it is done by itself. */
function tested(output) {
  const last = output.last_test;
  const when = last === null ? words.neverTested : say(last.ok ? words.testedWell : words.testedBadly, { time: time(last.at) });
  return [when, output.test_day ? say(words.testDay, { n: output.test_day }) : ""].filter(Boolean).join(words.stop);
}

async function test(output) {
  const answer = await testOutput(output);
  if (answer === null) return;
  if (answer.testing && answer.actual) toast(words.testBegun);
  else toast(words.testFailed, "error");
}
