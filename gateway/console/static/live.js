// The live line: server-sent events, and a watchdog that knows when they stop.

const SILENCE_MS = 12000; // the gateway gives a sign of life every 5 s
const RECONNECT_MS = 2000;

/**
 * Calls `on.snapshot`, `on.change`, `on.beat` with each message, `on.stale(true, why)` when life ends and `on.stale(false)`
 * when it begins or returns, `on.broken(refused)` at each break. A message is heard only once it has been shown.
 */
export class Live {
  constructor(on) {
    this.on = on;
    this.source = null;
    this.stale = null; // not live yet
    this.heard = performance.now();
  }

  start() {
    this.heard = performance.now();
    this.connect();
    this.watch = setInterval(() => this.look(), 500);
  }

  stop() {
    clearInterval(this.watch);
    clearTimeout(this.again);
    this.source?.close();
  }

  connect() {
    this.source?.close();
    this.attempted = performance.now();
    this.source = new EventSource("/api/events");
    for (const name of ["snapshot", "change", "beat"]) {
      this.source.addEventListener(name, (event) => this.take(name, event.data));
    }
    this.source.addEventListener("displaced", () => this.displaced());
    this.source.addEventListener("error", () => this.retry());
  }

  take(name, data) {
    try {
      this.on[name](JSON.parse(data));
    } catch (error) {
      console.error(error);
      this.lose("notShown");
      this.comeAgain(); // what was missed comes again in a new snapshot
      return;
    }
    this.heard = performance.now();
    if (this.stale === false) return;
    this.stale = false;
    this.on.stale(false);
  }

  /** Not live from now on; `why` is the name of the words that say so. */
  lose(why) {
    if (this.stale && this.why === why) return;
    this.stale = true;
    this.why = why;
    this.on.stale(true, why);
  }

  /** The gateway serves newer pages of this session instead: coming again would push those out in turn. */
  displaced() {
    this.stop();
    this.lose("displaced");
  }

  retry() {
    const refused = this.source.readyState === EventSource.CLOSED;
    this.comeAgain();
    this.on.broken(refused);
  }

  comeAgain() {
    this.source.close();
    this.attempted = performance.now();
    clearTimeout(this.again);
    this.again = setTimeout(() => this.connect(), RECONNECT_MS);
  }

  look() {
    const now = performance.now();
    if (now - this.heard > SILENCE_MS && !this.stale) this.lose("silent");
    if (this.stale && now - this.attempted > SILENCE_MS) this.retry(); // a line that hangs gives no error
  }
}
