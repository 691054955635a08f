// The console: signs the guard in and opens the desk.

import { session, signIn } from "./api.js";
import { Desk } from "./desk.js";
import { el, icon } from "./dom.js";
import { Sound } from "./sound.js";
import { language, switchLanguage, words } from "./words.js";

const root = document.getElementById("app");
const sound = new Sound(() => current?.showSound());
let current = null;

document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
document.title = words.title;
for (const gesture of ["pointerdown", "keydown"]) addEventListener(gesture, () => sound.blocked && sound.enable(), { capture: true });

async function begin() {
  try {
    enter(await session());
  } catch (error) {
    if (error.status === 401) showSignIn();
    else waitForGateway(error.message);
  }
}

function waitForGateway(reason) {
  root.replaceChildren(el("main", { class: "sign-in-page" }, el("p", { class: "problem strong" }, icon("bad"), `${words.connecting} ${reason}`)));
  setTimeout(begin, 2000);
}

// ---- signing in

function showSignIn(warning = "") {
  current?.leave();
  current = null;
  sound.play(warning ? "lost" : null);
  const name = el("input", { name: "name", required: true, maxlength: "64", autocomplete: "username", autofocus: true, autocapitalize: "off", spellcheck: "false" });
  const password = el("input", { name: "password", type: "password", required: true, maxlength: "1024", autocomplete: "current-password" });
  const problem = el("p", { class: "problem", role: "alert" });
  const submit = el("button", { type: "submit", class: "act primary" }, words.signIn);
  const form = el("form", { class: "sign-in" },
    el("div", { class: "sign-in-head" }, icon("shield"), el("div", {}, el("h1", {}, words.title), el("p", {}, words.signInNote))),
    warning ? el("p", { class: "problem strong" }, icon("bad"), warning) : null,
    el("label", { class: "field" }, words.name, name), el("label", { class: "field" }, words.password, password), problem, submit,
    el("button", { type: "button", class: "act quiet", onclick: switchLanguage }, words.other));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      enter(await signIn(name.value.trim(), password.value));
    } catch (error) {
      problem.replaceChildren(icon("bad"), error.message);
      submit.disabled = false;
      password.select();
    }
  });
  root.replaceChildren(el("main", { class: "sign-in-page" }, form));
  name.focus();
}

function enter(who) {
  current?.leave();
  current = new Desk(root, sound, who, showSignIn);
}

begin();
