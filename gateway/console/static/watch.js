// Why a camera's picture is said to be wrong: what it should show beside what it shows; and that it is right as it is.

import { get, post } from "./api.js";
import { el, icon, time, toast, working } from "./dom.js";
import { language, say, words } from "./words.js";

const WORDS = {
  zh: {
    title: "画面检查", before: "应有画面", now: "当时画面", none: "没有画面异常的记录", noBefore: "没有可对比的画面",
    looks: "启动以来检查 {done} 次，失败 {failed} 次", unwatched: "站点文件没有让网关检查此摄像机的画面",
    accept: "认可当前画面", acceptNote: "摄像机有意改变了位置或场景时使用：网关将把现在的画面当作正常画面。", accepted: "已认可并登记，画面检查将重新学习",
    sure: "确定现在的画面就是应有画面吗？被遮挡或移动的摄像机不要认可。",
  },
  en: {
    title: "Picture watch", before: "should show", now: "showed", none: "No picture was found wrong", noBefore: "nothing to compare with",
    looks: "{done} looks since the start, {failed} failed", unwatched: "By the site file this camera's picture is not looked at",
    accept: "The picture is right", acceptNote: "For a camera that was turned on purpose, or a scene that has changed: what it shows now is learned as right.", accepted: "On record; what it shows is learned anew",
    sure: "Is what the camera shows now what it should show? Not for one that is covered or was moved.",
  },
};
const own = WORDS[language];
/** What the picture watch is called. */
export const watchTitle = own.title;
const EVERY_MS = 30000;

/** Whether an alarm is of the picture watch; then its subject is a camera. */
export const isOfWatch = (alarm) => alarm.kind.startsWith("camera-") && alarm.point === null;

const pathOf = (camera) => `/api/cameras/${encodeURIComponent(camera)}`;

function pairOf(pair) {
  const shot = (address, name) => {
    if (address === null) return el("li", {}, el("small", {}, own.noBefore));
    const what = `${words.kinds[pair.kind]}${words.stop}${name}`;
    return el("li", {}, el("a", { href: address, target: "_blank", rel: "noopener", title: what }, el("img", { src: address, alt: what, loading: "lazy" })), el("small", {}, name));
  };
  // When the scene was as it should be, nobody has written down: only the other picture has a time.
  return el("ul", { class: "evidence", "data-pair": pair.kind }, shot(pair.before, own.before), shot(pair.now, `${own.now} ${time(pair.at)}`));
}

/** On the card of an alarm of the picture watch: the two pictures that show why. */
export class WhyWrong {
  constructor() {
    this.element = el("div", { class: "seen", hidden: true });
    this.asked = -Infinity;
  }

  /** Another second has passed. The pair is there a moment after the alarm, and another after each repetition. */
  tick(alarm) {
    if (!isOfWatch(alarm) || document.hidden || this.shown === alarm.last_raised_at || performance.now() - this.asked < EVERY_MS / 10) return;
    this.asked = performance.now();
    this.ask(alarm);
  }

  async ask(alarm) {
    try {
      const { pairs } = await get(`${pathOf(alarm.subject)}/watch`);
      const pair = pairs.find((one) => one.kind === alarm.kind);
      if (!pair) return;
      this.element.replaceChildren(pairOf(pair));
      this.element.hidden = false;
      this.shown = alarm.last_raised_at;
    } catch (error) {
      console.warn(error.message); // the alarm itself is what matters; it is asked for again
    }
  }
}

/** On a camera's page: the last pairs, and for those who may, that the picture is right. */
export class WatchPanel {
  constructor(camera) {
    this.camera = camera;
    this.facts = el("p", { class: "camera-state" });
    this.pairs = el("div", {});
    this.accept = working("accept", "quiet", own.accept, () => this.say(), { hidden: true, title: own.acceptNote });
    this.element = el("section", { class: "watch", "data-watch": camera.id }, el("h3", {}, own.title), this.facts, this.accept, this.pairs);
  }

  start() {
    this.load();
    this.loading = setInterval(() => document.hidden || this.load(), EVERY_MS);
  }

  stop() {
    clearInterval(this.loading);
  }

  async load() {
    try {
      this.show(await get(`${pathOf(this.camera.id)}/watch`));
    } catch (error) {
      this.facts.replaceChildren(icon("bad"), error.message);
    }
  }

  show(answer) {
    this.facts.textContent = answer.watched ? say(own.looks, answer) : own.unwatched;
    this.accept.hidden = !answer.may_accept;
    const looks = JSON.stringify(answer.pairs);
    if (looks === this.shown) return;
    this.shown = looks;
    const found = answer.pairs.map((pair) => el("div", {}, el("h4", {}, `${words.kinds[pair.kind]} ${time(pair.at)}`), pairOf(pair)));
    this.pairs.replaceChildren(...(found.length || !answer.watched ? found : [el("p", { class: "dim" }, own.none)]));
  }

  async say() {
    if (!window.confirm(own.sure)) return;
    await post(`${pathOf(this.camera.id)}/accept`);
    toast(own.accepted);
  }
}
