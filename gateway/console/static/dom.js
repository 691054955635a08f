// Elements, icons and times. Data only ever becomes text nodes: nothing here parses HTML.

import { language, say, words } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";

/** An element with properties (`on…` listeners, `class`, `data-…`, attributes) and children (elements, texts, null). */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Change an element's text only if it differs, so that nothing flickers and no selection is lost. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Shapes differ, not only colours: octagon, triangle, diamond, circle.
const ICONS = {
  critical: "M8 2h8l6 6v8l-6 6H8l-6-6V8zM11 6.500v7h2v-7zM11 15.500v2.200h2v-2.200z",
  high: "M12 2 23 21H1zM11 9v6h2V9zM11 16.500v2.200h2v-2.200z",
  medium: "M12 1 23 12 12 23 1 12zM11 6.500v7h2v-7zM11 15.500v2.200h2v-2.200z",
  low: "M12 1.500a10.500 10.500 0 1 1 0 21 10.500 10.500 0 0 1 0-21zM11 10.500v7h2v-7zM11 6.300v2.200h2V6.300z",
  drill: "M4 2h2v1.500h13.500L16.500 8.500l3 5H6V22H4z",
  ok: "M12 1.500a10.500 10.500 0 1 1 0 21 10.500 10.500 0 0 1 0-21zM6.600 12.300l3.900 3.900 7-7.200-1.500-1.500-5.500 5.700L8.100 10.800z",
  bad: "M12 2 23 21H1zM11 9v6h2V9zM11 16.500v2.200h2v-2.200z",
  off: "M12 1.500a10.500 10.500 0 1 1 0 21 10.500 10.500 0 0 1 0-21zM8.200 6.800 6.800 8.200 10.600 12l-3.800 3.800 1.400 1.400L12 13.400l3.800 3.800 1.400-1.400L13.400 12l3.800-3.800-1.400-1.400L12 10.600z",
  unknown: "M12 1.500a10.500 10.500 0 1 1 0 21 10.500 10.500 0 0 1 0-21zM6.500 11v2.200h11V11z",
  shield: "M12 1 22 4.500V12c0 6-4 9.500-10 11.500C6 21.500 2 18 2 12V4.500zM7 12l4 4 6.500-7-1.600-1.400-5 5.300-2.400-2.400z",
  lock: "M6 10V7a6 6 0 0 1 12 0v3h2v12H4V10zM8.500 10h7V7a3.500 3.500 0 0 0-7 0z",
  unlock: "M6 10V7a6 6 0 0 1 11.700-1.800l-2.400.8A3.500 3.500 0 0 0 8.500 7v3H20v12H4V10z",
  bypass: "M2 10.800h4.200a6 6 0 0 1 11.600 0H22v2.400h-6.200v-1.200a3.800 3.800 0 0 0-7.600 0v1.200H2zM10.800 16h2.400v5h-2.400z",
  lit: "M12 6a6 6 0 1 1 0 12 6 6 0 0 1 0-12zM11 .500h2V4h-2zM11 20h2v3.500h-2zM.500 11H4v2H.500zM20 11h3.500v2H20zM4.500 3.100l2.400 2.400-1.400 1.400-2.400-2.400zM18.500 17.100l2.400 2.400-1.400 1.400-2.400-2.400zM19.500 3.100l1.400 1.400-2.400 2.400-1.400-1.400zM5.500 17.100l1.400 1.400-2.400 2.400-1.400-1.400z",
  sounding: "M3 8.500h4L13 3v18l-6-5.500H3zM15.500 8.500q2.800 3.500 0 7l1.600 1.200q3.800-4.700 0-9.400zM18.600 5.500q5 6.500 0 13l1.600 1.200q6-7.700 0-15.400z",
  mute: "M3 8.500h4L13 3v18l-6-5.500H3zM15.500 8.200l1.400-1.400 2.300 2.300 2.300-2.300 1.400 1.400-2.300 2.300 2.300 2.300-1.400 1.400-2.300-2.300-2.300 2.300-1.400-1.400 2.300-2.300z",
};

/** A picture of that name; decoration, the words beside it say the same. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  path.setAttribute("fill-rule", "evenodd");
  path.setAttribute("fill", "currentColor");
  svg.append(path);
  return svg;
}

// ---- times, by the gateway's clock and in the school's time zone

let offsetMs = 0;
let askedZone, zoneMark = "";
let clockFormat, dayFormat, dateFormat;

/** Follow the gateway's clock: `now` is its stamp, just received. By how many milliseconds it has moved against ours. */
export function setServerTime(now) {
  const before = offsetMs;
  offsetMs = Date.parse(now) - Date.now();
  return Math.abs(offsetMs - before);
}

/** Show times in this zone; in UTC, and marked so, if the browser does not know it. */
export function setTimeZone(zone) {
  if (zone === askedZone && clockFormat) return;
  askedZone = zone;
  try {
    useZone(zone);
    zoneMark = "";
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    useZone("UTC");
    zoneMark = " UTC";
  }
}

function useZone(timeZone) {
  const locale = language === "zh" ? "zh-CN" : "en-GB";
  const time = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  const day = { month: "2-digit", day: "2-digit" };
  clockFormat = new Intl.DateTimeFormat(locale, { timeZone, ...time });
  dayFormat = new Intl.DateTimeFormat(locale, { timeZone, ...day, ...time });
  dateFormat = new Intl.DateTimeFormat(locale, { timeZone, year: "numeric", ...day });
}
setTimeZone(undefined);

/** Milliseconds since 1970 by the gateway's clock. */
export function serverNow() {
  return Date.now() + offsetMs;
}

/** The gateway's time of day. */
export function clockTime() {
  return clockFormat.format(serverNow()) + zoneMark;
}

/** A stamp: the time of day, with its date unless it is today. */
export function time(stamp) {
  const at = Date.parse(stamp);
  const today = dateFormat.format(at) === dateFormat.format(serverNow());
  return (today ? clockFormat.format(at) : dayFormat.format(at)) + zoneMark;
}

/** The date of a moment (milliseconds since 1970). */
export const dateOf = (at) => dateFormat.format(at) + zoneMark;

/** Seconds since midnight that a clock of the school's shows at a moment (milliseconds since 1970). */
function clockSeconds(at) {
  const { hour, minute, second } = Object.fromEntries(clockFormat.formatToParts(at).map((part) => [part.type, Number(part.value)]));
  return (hour * 60 + minute) * 60 + second;
}

/** What a clock of the school's shows at a moment, as fields of forms have it: 08:05:00. */
export function clockShown(at) {
  const seconds = clockSeconds(at);
  return [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map((part) => String(part).padStart(2, "0")).join(":");
}

/** The moment nearest to that one at which a clock shows so many seconds since midnight: clocks may change in between. */
export function whenClockShows(seconds, near) {
  const off = seconds - clockSeconds(near);
  const day = 86400;
  return near + (off - day * Math.round(off / day)) * 1000;
}

/** When the day of a moment began, in the school's time zone; milliseconds since 1970. */
export function dayStart(at) {
  const whole = Math.floor(at / 1000) * 1000;
  return whenClockShows(0, whole - clockSeconds(whole) * 1000);
}

/** How long something is, in words. */
export function span(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const facts = { s: seconds % 60, m: Math.floor(seconds / 60) % 60, h: Math.floor(seconds / 3600) % 24, d: Math.floor(seconds / 86400) };
  if (seconds < 60) return say(words.ages.s, facts);
  if (seconds < 3600) return say(words.ages.m, facts);
  return seconds < 86400 ? say(words.ages.h, facts) : say(words.ages.d, facts);
}

/** How long ago a stamp was. */
export function ago(stamp) {
  const age = serverNow() - Date.parse(stamp);
  return age < 3000 ? words.ages.now : say(words.ages.ago, { age: span(age) });
}

/** How long until a stamp, counting down with `tickRemaining`. */
export function remaining(stamp) {
  return el("b", { class: "remaining", "data-until": stamp }, left(stamp));
}

const left = (stamp) => span(Math.ceil((Date.parse(stamp) - serverNow()) / 1000) * 1000);

/** Another second has passed. */
export function tickRemaining() {
  for (const element of document.querySelectorAll("[data-until]")) setText(element, left(element.dataset.until));
}

/** A button that takes no second click while `work` is under way; refusals are shown. `act` names it within its row. */
export function working(act, style, text, work, properties = {}) {
  const button = el("button", { type: "button", class: `act ${style}`, "data-act": act, ...properties, onclick: run }, text);
  async function run() {
    button.disabled = true;
    try {
      await work();
    } catch (error) {
      toast(error.message, "error");
    } finally {
      button.disabled = false;
      if (document.activeElement === document.body) button.focus({ preventScroll: true });
    }
  }
  return button;
}

/** Show a short message that goes away by itself. */
export function toast(text, kind = "info") {
  const box = el("div", { class: `toast ${kind}` }, icon(kind === "error" ? "bad" : "ok"), el("span", {}, text));
  document.getElementById("toasts").append(box);
  setTimeout(() => box.remove(), kind === "error" ? 8000 : 3500);
}
